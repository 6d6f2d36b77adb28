-- The message moves into the record. Its mark becomes `done`, so that a repeat
-- has no effect, and so that an older program which shares the table knows the
-- state.
WITH letter AS MATERIALIZED (
    SELECT message_id, attempts, malformed, received_at, changed_at, reason,
           attributes, data
    FROM gozon_inbox
    WHERE consumer = $1 AND message_id = $2 AND state = 'dead'
    FOR UPDATE
), recorded AS (
    INSERT INTO gozon_inbox_decisions
        (consumer, message_id, decision, decided_by, why,
         attempts, malformed, received_at, died_at, reason, attributes, data)
    SELECT $1, message_id, 'discarded', $3, $4,
           attempts, malformed, received_at, changed_at, reason, attributes, data
    FROM letter
)
UPDATE gozon_inbox AS inbox
SET state = 'done', changed_at = now(), reason = NULL, attributes = NULL, data = NULL
FROM letter
WHERE inbox.consumer = $1 AND inbox.message_id = letter.message_id
