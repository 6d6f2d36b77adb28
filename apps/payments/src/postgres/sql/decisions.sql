SELECT order_id, user_id, amount, reason
FROM payments
WHERE order_id = ANY ($1::uuid[])
