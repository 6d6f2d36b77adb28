-- Only an order that is still NEW can settle, whatever arrives late.
UPDATE orders
SET status = decision.status,
    reason = decision.reason,
    version = orders.version + 1,
    updated_at = max(?2, orders.updated_at),
    journey = decision.journey
FROM (
    SELECT unhex(value ->> 'order_id') AS order_id, value ->> 'status' AS status, value ->> 'reason' AS reason,
        value ->> 'journey' AS journey
    FROM json_each(?1)
) AS decision
WHERE orders.id = decision.order_id AND orders.status = 'NEW'
RETURNING id, user_id, amount, currency, description, status, reason, version, created_at, updated_at
