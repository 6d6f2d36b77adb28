-- keep.sql, and a place in the line of its key unless it has one. With the line
-- locked.
WITH kept AS (
    UPDATE gozon_inbox
    SET state = $4, next_at = now() + $5::bigint * interval '1 microsecond',
        reason = $6, attributes = $7, data = $8, malformed = $9, changed_at = now()
    WHERE consumer = $1 AND message_id = $2
      AND (state = 'trying' OR (state = 'retry' AND attempts = $3))
    RETURNING message_id
), lined AS (
    INSERT INTO gozon_inbox_lines (consumer, line, position, message_id)
    SELECT $1, $10,
           coalesce((
               SELECT max(position) FROM gozon_inbox_lines
               WHERE consumer = $1 AND line = $10
           ), 0) + 1,
           message_id
    FROM kept
    ON CONFLICT (consumer, message_id) DO NOTHING
)
SELECT count(*) FROM kept
