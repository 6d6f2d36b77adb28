SELECT consumer, message_id, attempts, malformed, received_at, changed_at AS died_at,
       reason, attributes, data
FROM gozon_inbox
WHERE consumer = $1 AND state = 'dead'
ORDER BY changed_at DESC, message_id DESC
LIMIT $2
