-- $1 partitions, $2 epochs, $3 owner, $4 stripes, sorted and distinct, $5 due
-- rows, $6 the stripe of each, null without a key. A due message draws a new
-- number under its key's lock, as if it were appended now. Answers how many were
-- moved, and which stripes it got.
--
-- Never waits for a stripe: while it did, it would keep those before it from
-- everyone who appends. A row moves only if its stripe is among those that were
-- got, so the lock comes before the row, and every row before the sort, above
-- which the numbers are drawn.
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
    SELECT stripe FROM unnest($4::int4[]) AS stripes (stripe)
    WHERE pg_try_advisory_xact_lock(1735360111, stripe)
),
moved AS (
    DELETE FROM gozon_outbox AS o
    USING unnest($5::int8[], $6::int4[]) AS due (seq, stripe)
    WHERE o.seq = due.seq
      AND o.state = 'delayed'
      AND o.partition IN (SELECT partition FROM lease)
      AND (due.stripe IS NULL OR due.stripe IN (SELECT stripe FROM locked))
    RETURNING o.seq, o.due_at, o.partition, o.key, o.message_id, o.kind, o.attributes, o.data
),
placed AS (
    INSERT INTO gozon_outbox (partition, key, message_id, kind, attributes, data)
    SELECT partition, key, message_id, kind, attributes, data
    FROM moved
    ORDER BY due_at, seq
    RETURNING 1
)
SELECT (SELECT count(*) FROM placed), ARRAY(SELECT stripe FROM locked)
