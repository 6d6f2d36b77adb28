SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at, journey
FROM orders
WHERE user_id = $1 AND id = $2
