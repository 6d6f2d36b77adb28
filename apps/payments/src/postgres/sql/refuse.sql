UPDATE payments
SET outcome = 'REFUSED', reason = refused.reason
FROM unnest($1::uuid[], $2::text[]) AS refused (order_id, reason)
WHERE payments.order_id = refused.order_id
