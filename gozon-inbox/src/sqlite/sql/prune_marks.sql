DELETE FROM gozon_inbox
WHERE (consumer, message_id) IN (
    SELECT consumer, message_id
    FROM gozon_inbox
    WHERE state = 'done' AND changed_at < ?3 - ?1
    LIMIT ?2
)
