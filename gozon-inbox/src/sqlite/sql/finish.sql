-- Runs before the handler. A retry whose attempts have moved on belongs to
-- someone else.
UPDATE gozon_inbox
SET state = 'done', changed_at = ?4, next_at = NULL,
    reason = NULL, attributes = NULL, data = NULL
WHERE consumer = ?1 AND message_id = ?2
  AND (state = 'trying' OR (state = 'retry' AND attempts = ?3))
