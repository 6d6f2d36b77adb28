-- Committed before the handler runs, so that a handler that ends the process
-- is counted. No row: the message has its outcome already.
INSERT INTO gozon_inbox AS inbox
    (consumer, message_id, state, attempts, received_at, changed_at)
VALUES (?1, ?2, 'trying', 1, ?3, ?3)
ON CONFLICT (consumer, message_id) DO UPDATE
SET attempts = inbox.attempts + 1, changed_at = ?3
WHERE inbox.state = 'trying'
RETURNING attempts
