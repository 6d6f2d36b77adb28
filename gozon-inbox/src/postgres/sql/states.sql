-- A statement of its own after the insert: its snapshot sees what the insert
-- waited for.
SELECT message_id, state
FROM gozon_inbox
WHERE consumer = $1 AND message_id = ANY ($2::uuid[])
