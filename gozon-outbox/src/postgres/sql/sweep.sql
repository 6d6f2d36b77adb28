-- $1 partitions, $2 epochs, $3 owner, $4 held keys: takes their rows out of the
-- ready set, so that reading does not walk through them.
WITH lease AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
        ON l.partition = mine.partition AND l.epoch = mine.epoch
    WHERE l.owner = $3
    ORDER BY l.partition
    FOR SHARE OF l
)
UPDATE gozon_outbox
SET state = 'held'
WHERE partition IN (SELECT partition FROM lease)
  AND state = 'ready'
  AND key IN (SELECT unnest($4::text[]))
