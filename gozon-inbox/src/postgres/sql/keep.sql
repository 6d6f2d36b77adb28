UPDATE gozon_inbox
SET state = $4, next_at = now() + $5::bigint * interval '1 microsecond',
    reason = $6, attributes = $7, data = $8, malformed = $9, changed_at = now()
WHERE consumer = $1 AND message_id = $2
  AND (state = 'trying' OR (state = 'retry' AND attempts = $3))
