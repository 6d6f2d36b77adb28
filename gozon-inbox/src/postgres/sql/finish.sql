-- Runs before the handler: it is the lock that lets one consumer at a time try
-- the message. A retry whose attempts have moved on belongs to someone else.
UPDATE gozon_inbox
SET state = 'done', changed_at = now(), next_at = NULL,
    reason = NULL, attributes = NULL, data = NULL
WHERE consumer = $1 AND message_id = $2
  AND (state = 'trying' OR (state = 'retry' AND attempts = $3))
