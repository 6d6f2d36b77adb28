-- ?1 message.
SELECT seq, created_at, published_at, attempts, attributes, data
FROM gozon_outbox_archive
WHERE message_id = ?1
ORDER BY seq
LIMIT 1
