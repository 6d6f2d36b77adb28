DELETE FROM gozon_inbox
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM gozon_inbox
    WHERE state = 'done' AND changed_at < now() - $1::bigint * interval '1 microsecond'
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
