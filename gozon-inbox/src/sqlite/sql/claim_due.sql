-- Counts the attempt and moves the time on, so that a crash is counted and the
-- message comes back.
UPDATE gozon_inbox
SET attempts = attempts + 1, changed_at = ?3, next_at = ?3 + ?2
WHERE consumer = ?1 AND state = 'retry' AND message_id = (
    SELECT message_id
    FROM gozon_inbox
    WHERE consumer = ?1 AND state = 'retry' AND next_at <= ?3
    ORDER BY next_at
    LIMIT 1
)
RETURNING message_id, attempts, attributes, data
