-- Only an order that is still NEW can settle, whatever arrives late.
UPDATE orders
SET status = decision.status,
    reason = decision.reason,
    version = orders.version + 1,
    updated_at = greatest($5, orders.updated_at),
    journey = decision.journey
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS decision (order_id, status, reason, journey)
WHERE orders.id = decision.order_id AND orders.status = 'NEW'
RETURNING orders.id, orders.user_id, orders.amount, orders.currency, orders.description, orders.status, orders.reason,
    orders.version, orders.created_at, orders.updated_at
