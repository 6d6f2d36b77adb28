-- In one round trip: bound the wait for whoever holds the key, take the key,
-- give the transaction its own lock timeout back. The insert reads `bounded`,
-- so the bound is set before it waits; RETURNING comes after it. A row that
-- has expired is taken over. No row: somebody's answer is stored, and since
-- the conflict has locked that row it can be read in the next statement.
WITH before AS MATERIALIZED (
    SELECT current_setting('lock_timeout') AS value
), bounded AS MATERIALIZED (
    SELECT set_config('lock_timeout', $5, true) FROM before WHERE value IS NOT NULL
)
INSERT INTO gozon_inbox_requests AS request (user_id, route, key, fingerprint)
SELECT $1, $2, $3, $4 FROM bounded
ON CONFLICT (user_id, route, key) DO UPDATE
SET fingerprint = excluded.fingerprint, created_at = now(),
    status = NULL, headers = NULL, body = NULL
WHERE request.created_at < now() - $6::bigint * interval '1 microsecond'
RETURNING set_config('lock_timeout', (SELECT value FROM before), true)
