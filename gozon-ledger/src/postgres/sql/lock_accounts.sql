-- One global order for everyone, or two batches wait for each other forever.
-- The lock is taken after the sort, row by row, and answers with the newest
-- version of the row. Other tables read in this statement would be stale: the
-- transfer ids are looked up in the next one.
-- NO KEY: an adopter's foreign key to an account must not wait for us.
SELECT id, version, debits, credits, floor, ceiling, changed_at, asset, normal_side, status, frozen_both
FROM gozon_ledger_accounts
WHERE id = ANY ($1)
ORDER BY id
FOR NO KEY UPDATE
