SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
FROM orders
WHERE id = ANY ($1::uuid[])
