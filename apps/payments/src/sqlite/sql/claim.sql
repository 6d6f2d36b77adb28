-- Whoever inserts the row decides.
-- Claimed as PAID: the few that are refused are corrected before the commit.
INSERT INTO payments (order_id, user_id, amount, outcome, decided_at, published_at, received_at)
SELECT unhex(value ->> 'order_id'), value ->> 'user_id', value ->> 'amount', 'PAID', value ->> 'decided_at',
    value ->> 'published_at', value ->> 'received_at'
FROM json_each(?1)
WHERE true -- SQLite needs it to tell ON CONFLICT from a join
ON CONFLICT (order_id) DO NOTHING
RETURNING order_id
