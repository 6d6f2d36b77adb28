-- ?1 JSON array of numbers; delete.sql follows in the same transaction.
INSERT INTO gozon_outbox_archive
    (seq, created_at, published_at, message_id, attempts, key, kind, attributes, data)
SELECT seq, created_at, CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER),
    message_id, attempts, key, kind, attributes, data
FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
