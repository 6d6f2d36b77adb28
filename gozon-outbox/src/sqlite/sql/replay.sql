-- ?1 JSON array of numbers. Held, never ready: the relay that owns the partition
-- knows the key as held, and releases its followers after the message was confirmed.
UPDATE gozon_outbox
SET state = 'held', retry_at = CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)
WHERE seq IN (SELECT value FROM json_each(?1))
  AND state = 'dead'
