DELETE FROM gozon_inbox_requests
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM gozon_inbox_requests
    WHERE created_at < now() - $1::bigint * interval '1 microsecond'
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
