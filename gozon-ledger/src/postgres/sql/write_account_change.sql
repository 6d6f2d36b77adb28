-- In one round trip; the two parts touch two tables. A row that is not as it
-- was under the lock is not updated, and the count tells.
WITH recorded AS (
    INSERT INTO gozon_ledger_account_changes (account_id, changed_at, change, value, reason)
    VALUES ($1, $3, $9, $10, $11)
)
UPDATE gozon_ledger_accounts
SET changed_at = $3,
    status = $4,
    frozen_both = $5,
    floor = $6,
    ceiling = $7,
    metadata = $8
WHERE id = $1
  AND changed_at = $2
