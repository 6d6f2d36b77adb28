UPDATE gozon_inbox
SET state = 'done', changed_at = ?3
WHERE consumer = ?1 AND state = 'trying'
  AND message_id IN (SELECT unhex(value) FROM json_each(?2))
RETURNING message_id
