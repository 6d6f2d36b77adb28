-- Says that these messages are being tried in company. Not counted: whoever
-- ends the process is not known by name. But the mark stays, so that the next
-- time each of them is tried alone.
INSERT INTO gozon_inbox (consumer, message_id, state)
SELECT $1, id, 'trying'
FROM unnest($2::uuid[]) AS id
ORDER BY id
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
