-- $1 partitions, $2 epochs, $3 owner, $4 rows at most, $5 keys that are in use.
SELECT o.seq, o.key
FROM gozon_outbox AS o
JOIN gozon_outbox_leases AS l ON l.partition = o.partition AND l.owner = $3
JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
    ON l.partition = mine.partition AND l.epoch = mine.epoch
WHERE o.state = 'delayed' AND o.due_at <= clock_timestamp()
  AND (o.key IS NULL OR o.key <> ALL ($5::text[]))
ORDER BY o.due_at, o.seq
LIMIT $4
