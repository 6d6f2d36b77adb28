-- The marks of a whole batch. Written as `done` at once, because they commit
-- together with the effect or not at all.
INSERT INTO gozon_inbox (consumer, message_id, state, received_at, changed_at)
SELECT ?1, unhex(value), 'done', ?3, ?3
FROM json_each(?2)
WHERE true
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
