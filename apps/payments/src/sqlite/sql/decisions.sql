SELECT order_id, user_id, amount, reason
FROM payments
WHERE order_id IN (SELECT unhex(value) FROM json_each(?1))
