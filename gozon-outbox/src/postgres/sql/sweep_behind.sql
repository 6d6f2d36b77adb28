-- $1 partitions, $2 epochs, $3 owner: takes the rows behind every held or dead one
-- out of the ready set, so that reading does not walk through them.
-- The LIMIT keeps the question one index probe per row, as in read.sql.
WITH lease AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
        ON l.partition = mine.partition AND l.epoch = mine.epoch
    WHERE l.owner = $3
    ORDER BY l.partition
    FOR SHARE OF l
)
UPDATE gozon_outbox AS o
SET state = 'held'
WHERE o.partition IN (SELECT partition FROM lease)
  AND o.state = 'ready'
  AND coalesce((
    SELECT 1
    FROM gozon_outbox AS h
    WHERE h.partition = o.partition
      AND h.key = o.key
      AND h.seq < o.seq
      AND h.state IN ('held', 'dead')
    LIMIT 1
  ), 0) = 1
