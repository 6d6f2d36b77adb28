-- The newest are bounded first: orders_by_user gives them, and no index by the
-- time of change has to be kept for what happens after an interruption alone.
SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
FROM (
    SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
    FROM orders
    WHERE user_id = ?1
    ORDER BY id DESC
    LIMIT ?3
) AS newest
WHERE updated_at >= ?2
ORDER BY id DESC
