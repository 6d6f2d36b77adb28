-- ?1 after which number, ?2 kind, ?3 key, ?4 rows at most.
SELECT seq, message_id, key, kind, attempts, last_error, length(data) AS bytes,
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) - created_at AS age_us,
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) - failed_at AS dead_us
FROM gozon_outbox
WHERE state = 'dead'
  AND seq > ?1
  AND (?2 IS NULL OR kind = ?2)
  AND (?3 IS NULL OR key = ?3)
ORDER BY seq
LIMIT ?4
