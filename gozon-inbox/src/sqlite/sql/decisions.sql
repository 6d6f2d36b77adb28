SELECT id, consumer, message_id, decision, decided_at, decided_by, why,
       attempts, malformed, received_at, died_at, reason, attributes, data
FROM gozon_inbox_decisions
WHERE consumer = ?1 AND id < $2
ORDER BY id DESC
LIMIT ?3
