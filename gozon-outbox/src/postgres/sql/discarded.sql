-- $1 message. Newest first.
SELECT attributes, data
FROM gozon_outbox_decisions
WHERE message_id = $1 AND decision = 'discarded'
ORDER BY number DESC
LIMIT 1
