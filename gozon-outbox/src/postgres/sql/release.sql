UPDATE gozon_outbox_leases AS l
SET owner = NULL, until = NULL
FROM unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
WHERE l.partition = mine.partition AND l.epoch = mine.epoch AND l.owner = $3
