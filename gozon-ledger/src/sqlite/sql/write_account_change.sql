-- A row that is not as it was when it was read is not updated, and the count
-- tells. SQLite cannot write in a WITH clause: the history is another statement.
UPDATE gozon_ledger_accounts
SET changed_at = ?3,
    status = ?4,
    frozen_both = ?5,
    floor = ?6,
    ceiling = ?7,
    metadata = ?8
WHERE id = ?1
  AND changed_at = ?2
