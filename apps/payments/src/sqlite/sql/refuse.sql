UPDATE payments
SET outcome = 'REFUSED', reason = refused.reason
FROM (
    SELECT unhex(value ->> 'order_id') AS order_id, value ->> 'reason' AS reason
    FROM json_each(?1)
) AS refused
WHERE payments.order_id = refused.order_id
