SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
FROM orders
WHERE id IN (SELECT unhex(value) FROM json_each(?1))
