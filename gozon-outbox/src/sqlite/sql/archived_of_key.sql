-- ?1 key, ?2 after which number, ?3 rows at most.
SELECT seq, created_at, published_at, attempts, attributes, data
FROM gozon_outbox_archive
WHERE key = ?1 AND seq > ?2
ORDER BY seq
LIMIT ?3
