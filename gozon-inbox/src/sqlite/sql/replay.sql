UPDATE gozon_inbox
SET state = 'retry', next_at = ?3, changed_at = ?3
WHERE consumer = ?1 AND message_id = ?2 AND state = 'dead'
