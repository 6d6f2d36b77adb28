SELECT state, malformed
FROM gozon_inbox
WHERE consumer = ?1 AND message_id = ?2
