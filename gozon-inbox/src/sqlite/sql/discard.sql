-- `done`, so that a repeat has no effect, and so that an older program which
-- shares the table knows the state.
UPDATE gozon_inbox
SET state = 'done', changed_at = ?3, reason = NULL, attributes = NULL, data = NULL
WHERE consumer = ?1 AND message_id = ?2 AND state = 'dead'
