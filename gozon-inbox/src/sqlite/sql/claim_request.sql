-- A row that has expired is taken over. No row: somebody's answer is stored.
INSERT INTO gozon_inbox_requests AS request
    (user_id, route, key, fingerprint, created_at)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, route, key) DO UPDATE
SET fingerprint = excluded.fingerprint, created_at = ?5,
    status = NULL, headers = NULL, body = NULL
WHERE request.created_at < ?5 - ?6
RETURNING 1
