-- One statement, so that the record and the change stand or fall together.
-- Attempts are not set back: they tell a late holder from the present one. The
-- record says how many of them no longer count, see claim_due.sql.
WITH letter AS MATERIALIZED (
    SELECT message_id, attempts, malformed, received_at, changed_at, reason
    FROM gozon_inbox
    WHERE consumer = $1 AND message_id = $2 AND state = 'dead' AND NOT malformed
    FOR UPDATE
), recorded AS (
    INSERT INTO gozon_inbox_decisions
        (consumer, message_id, decision, decided_by, why,
         attempts, malformed, received_at, died_at, reason)
    SELECT $1, message_id, 'replayed', $3, $4,
           attempts, malformed, received_at, changed_at, reason
    FROM letter
)
UPDATE gozon_inbox AS inbox
SET state = 'retry', next_at = now(), changed_at = now()
FROM letter
WHERE inbox.consumer = $1 AND inbox.message_id = letter.message_id
