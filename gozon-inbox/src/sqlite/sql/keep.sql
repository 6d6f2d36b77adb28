UPDATE gozon_inbox
SET state = ?4, next_at = ?10 + ?5,
    reason = ?6, attributes = ?7, data = ?8, malformed = ?9, changed_at = ?10
WHERE consumer = ?1 AND message_id = ?2
  AND (state = 'trying' OR (state = 'retry' AND attempts = ?3))
