-- $1 partitions, $2 epochs, $3 owner, $4 keys that flow again. Dead letters stay.
WITH lease AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
        ON l.partition = mine.partition AND l.epoch = mine.epoch
    WHERE l.owner = $3
    ORDER BY l.partition
    FOR SHARE OF l
),
flowing AS (
    UPDATE gozon_outbox
    SET state = 'ready', retry_at = NULL
    WHERE partition IN (SELECT partition FROM lease)
      AND state = 'held'
      AND key IN (SELECT unnest($4::text[]))
)
SELECT partition FROM lease
