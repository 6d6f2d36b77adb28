-- As delete.sql, and keeps what was published, in the same statement. No epoch:
-- confirmed is confirmed, whoever owns the partition by now.
WITH published AS (
    DELETE FROM gozon_outbox
    WHERE seq = ANY($1::int8[])
    RETURNING seq, created_at, message_id, attempts, key, kind, attributes, data
)
INSERT INTO gozon_outbox_archive (seq, created_at, message_id, attempts, key, kind, attributes, data)
SELECT seq, created_at, message_id, attempts, key, kind, attributes, data
FROM published
