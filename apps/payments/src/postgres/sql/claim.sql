-- Whoever inserts the row decides. Another transaction that is deciding the
-- same order makes this one wait, and then see no row of its own come back.
-- Claimed as PAID: the few that are refused are corrected before the commit.
INSERT INTO payments (order_id, user_id, amount, outcome, decided_at)
SELECT order_id, user_id, amount, 'PAID', $4
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS wanted (order_id, user_id, amount)
ORDER BY order_id
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
