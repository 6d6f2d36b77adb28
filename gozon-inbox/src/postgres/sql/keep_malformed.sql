INSERT INTO gozon_inbox
    (consumer, message_id, state, malformed, reason, attributes, data)
SELECT $1, id, 'dead', true, reason, headers, data
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[])
    AS kept (id, reason, headers, data)
ORDER BY id
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id
