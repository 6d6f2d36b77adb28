UPDATE orders
SET reemitted = orders.reemitted + plan.reemitted,
    reemit_at = plan.reemit_at
FROM (
    SELECT unhex(value ->> 'order_id') AS order_id, value ->> 'reemitted' AS reemitted, value ->> 'reemit_at' AS reemit_at
    FROM json_each(?1)
) AS plan
WHERE orders.id = plan.order_id
