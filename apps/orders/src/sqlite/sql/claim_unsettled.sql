-- The transaction already holds the one writer.
SELECT id, user_id, amount, currency, description, status, reason, version, created_at, updated_at, reemitted
FROM orders
WHERE status = 'NEW' AND reemit_at <= ?1
ORDER BY reemit_at
LIMIT ?2
