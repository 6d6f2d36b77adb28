-- Whoever inserts the row decides. Another transaction that is deciding the
-- same order makes this one wait, and then see no row of its own come back.
-- Claimed as PAID: the few that are refused are corrected before the commit.
INSERT INTO payments (order_id, user_id, amount, outcome, decided_at, published_at, received_at)
SELECT order_id, user_id, amount, 'PAID', decided_at, published_at, received_at
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
    AS wanted (order_id, user_id, amount, decided_at, published_at, received_at)
ORDER BY order_id
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
