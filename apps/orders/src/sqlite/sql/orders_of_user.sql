SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
FROM orders
WHERE user_id = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2))
