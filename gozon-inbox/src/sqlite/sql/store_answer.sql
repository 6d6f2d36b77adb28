UPDATE gozon_inbox_requests
SET status = ?4, headers = ?5, body = ?6
WHERE user_id = ?1 AND route = ?2 AND key = ?3
