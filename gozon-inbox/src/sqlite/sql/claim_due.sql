-- Counts the attempt and moves the time on, so that a crash is counted and the
-- message comes back. `forgiven`: attempts that a replay took off the message's
-- account.
UPDATE gozon_inbox
SET attempts = attempts + 1, changed_at = ?3, next_at = ?3 + ?2
WHERE consumer = ?1 AND state = 'retry' AND message_id = (
    SELECT message_id
    FROM gozon_inbox
    WHERE consumer = ?1 AND state = 'retry' AND next_at <= ?3
    ORDER BY next_at
    LIMIT 1
)
RETURNING message_id, attempts, attributes, data,
    coalesce((
        SELECT max(record.attempts)
        FROM gozon_inbox_decisions AS record
        WHERE record.consumer = gozon_inbox.consumer
          AND record.message_id = gozon_inbox.message_id
          AND record.decision = 'replayed' AND record.decided_at >= gozon_inbox.received_at
    ), 0) AS forgiven
