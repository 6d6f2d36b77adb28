UPDATE orders
SET reemitted = orders.reemitted + plan.reemitted,
    reemit_at = plan.reemit_at
FROM unnest($1::uuid[], $2::int4[], $3::timestamptz[]) AS plan (order_id, reemitted, reemit_at)
WHERE orders.id = plan.order_id
