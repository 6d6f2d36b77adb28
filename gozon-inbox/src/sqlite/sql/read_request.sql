SELECT fingerprint, status, headers, body
FROM gozon_inbox_requests
WHERE user_id = ?1 AND route = ?2 AND key = ?3
