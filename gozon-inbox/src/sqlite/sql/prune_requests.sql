DELETE FROM gozon_inbox_requests
WHERE (user_id, route, key) IN (
    SELECT user_id, route, key
    FROM gozon_inbox_requests
    WHERE created_at < ?3 - ?1
    LIMIT ?2
)
