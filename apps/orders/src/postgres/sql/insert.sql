INSERT INTO orders (id, user_id, amount, currency, description, status, reason, version, created_at, updated_at, reemit_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
