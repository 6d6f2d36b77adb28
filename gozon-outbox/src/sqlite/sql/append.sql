-- ?1 JSON array of [partition, key, id (hex), kind, attributes, data (hex), delay_us].
-- The one writer makes sequence order commit order; the sort keeps the slice's.
INSERT INTO gozon_outbox (created_at, partition, key, message_id, kind, attributes, data, state, due_at)
SELECT
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER),
    m.value ->> 0,
    m.value ->> 1,
    unhex(m.value ->> 2),
    m.value ->> 3,
    m.value ->> 4,
    unhex(m.value ->> 5),
    CASE WHEN m.value ->> 6 IS NULL THEN 'ready' ELSE 'delayed' END,
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + (m.value ->> 6)
FROM json_each(?1) AS m
ORDER BY m.key
