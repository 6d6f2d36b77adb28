-- ?1 due rows, ?2 partitions whose leases stand. A due message draws a new
-- number, as if it were appended now; remove_due.sql removes the old row.
INSERT INTO gozon_outbox (created_at, partition, key, message_id, kind, attributes, data)
SELECT CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER), partition, key, message_id, kind, attributes, data
FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
  AND state = 'delayed'
  AND partition IN (SELECT value FROM json_each(?2))
ORDER BY due_at, seq
