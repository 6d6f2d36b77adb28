-- What is known already keeps its outcome.
INSERT INTO gozon_inbox AS inbox
    (consumer, message_id, state, received_at, changed_at, next_at,
     reason, attributes, data)
VALUES (?1, ?2, 'retry', ?6, ?6, 9223372036854775807, ?3, ?4, ?5)
ON CONFLICT (consumer, message_id) DO UPDATE
SET state = 'retry', next_at = 9223372036854775807, changed_at = ?6,
    reason = ?3, attributes = ?4, data = ?5
WHERE inbox.state = 'trying'
