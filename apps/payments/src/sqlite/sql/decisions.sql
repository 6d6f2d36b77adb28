SELECT order_id, user_id, amount, reason, decided_at, published_at, received_at
FROM payments
WHERE order_id IN (SELECT unhex(value) FROM json_each(?1))
