-- $1 stripes, sorted and distinct; $2.. the messages, one array per column.
--
-- The stripes must be locked BEFORE a sequence number is drawn, then sequence
-- order is commit order per key. PostgreSQL drops a CTE that nothing reads and
-- runs one that is read when it is first needed: MATERIALIZED and the condition
-- that reads it are what makes the lock happen, and happen first. The numbers
-- are drawn row by row above the sort, so they follow the order of the slice.
WITH locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(1735360111, stripe) FROM unnest($1::int4[]) AS stripes (stripe)
)
INSERT INTO gozon_outbox (partition, key, message_id, kind, attributes, data, state, due_at)
SELECT
    m.partition, m.key, m.message_id, m.kind, m.attributes, m.data,
    CASE WHEN m.delay_us IS NULL THEN 'ready' ELSE 'delayed' END,
    clock_timestamp() + m.delay_us * interval '1 microsecond'
FROM unnest($2::int4[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::int8[])
    WITH ORDINALITY AS m (partition, key, message_id, kind, attributes, data, delay_us, place)
WHERE (SELECT count(*) FROM locked) >= 0
ORDER BY m.place
