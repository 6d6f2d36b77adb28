-- $1 partitions, $2 epochs, $3 owner, $4 stripes, $5 due rows. A due message
-- draws a new number under its key's lock, as if it were appended now.
WITH lease AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
        ON l.partition = mine.partition AND l.epoch = mine.epoch
    WHERE l.owner = $3
    ORDER BY l.partition
    FOR SHARE OF l
),
locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(1735360111, stripe) FROM unnest($4::int4[]) AS stripes (stripe)
),
moved AS (
    DELETE FROM gozon_outbox
    WHERE seq = ANY($5::int8[])
      AND state = 'delayed'
      AND partition IN (SELECT partition FROM lease)
      AND (SELECT count(*) FROM locked) >= 0
    RETURNING seq, due_at, partition, key, message_id, kind, attributes, data
)
INSERT INTO gozon_outbox (partition, key, message_id, kind, attributes, data)
SELECT partition, key, message_id, kind, attributes, data
FROM moved
ORDER BY due_at, seq
