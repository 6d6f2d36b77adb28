-- The marks of a whole batch. Written as `done` at once, because they commit
-- together with the effect or not at all. Sorted, so that two batches with the
-- same messages in opposite orders wait for each other and do not deadlock.
INSERT INTO gozon_inbox (consumer, message_id, state)
SELECT $1, id, 'done'
FROM unnest($2::uuid[]) AS id
ORDER BY id
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
