-- Pages by position and not by offset: a letter that dies meanwhile stands
-- before the first page and moves nobody.
SELECT consumer, message_id, attempts, malformed, received_at, changed_at AS died_at,
       reason, attributes, data
FROM gozon_inbox
WHERE consumer = $1 AND state = 'dead'
  AND (changed_at, message_id) < ($2, $3)
ORDER BY changed_at DESC, message_id DESC
LIMIT $4
