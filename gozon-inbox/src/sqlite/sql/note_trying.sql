-- Says that these messages are being tried in company. Not counted: whoever
-- ends the process is not known by name. But the mark stays, so that the next
-- time each of them is tried alone.
INSERT INTO gozon_inbox (consumer, message_id, state, received_at, changed_at)
SELECT ?1, unhex(value), 'trying', ?3, ?3
FROM json_each(?2)
WHERE true
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
