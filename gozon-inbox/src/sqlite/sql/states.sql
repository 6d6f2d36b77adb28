SELECT message_id, state
FROM gozon_inbox
WHERE consumer = ?1 AND message_id IN (SELECT unhex(value) FROM json_each(?2))
