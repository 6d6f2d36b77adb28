INSERT INTO gozon_inbox
    (consumer, message_id, state, malformed, received_at, changed_at,
     reason, attributes, data)
SELECT ?1, unhex(value ->> 'id'), 'dead', 1, ?3, ?3,
       value ->> 'reason', value ->> 'headers', unhex(value ->> 'data')
FROM json_each(?2)
WHERE true
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
