-- Counts the attempt and moves the time on, so that a crash is counted and the
-- message comes back. Several instances share the work: SKIP LOCKED. `forgiven`:
-- attempts that a replay took off the message's account.
WITH due AS MATERIALIZED (
    SELECT message_id
    FROM gozon_inbox
    WHERE consumer = $1 AND state = 'retry' AND next_at <= now()
    ORDER BY next_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE gozon_inbox AS inbox
SET attempts = inbox.attempts + 1, changed_at = now(),
    next_at = now() + $2::bigint * interval '1 microsecond'
FROM due
WHERE inbox.consumer = $1 AND inbox.message_id = due.message_id
RETURNING inbox.message_id, inbox.attempts, inbox.attributes, inbox.data,
    coalesce((
        SELECT max(record.attempts)
        FROM gozon_inbox_decisions AS record
        WHERE record.consumer = $1 AND record.message_id = inbox.message_id
          AND record.decision = 'replayed' AND record.decided_at >= inbox.received_at
    ), 0) AS forgiven
