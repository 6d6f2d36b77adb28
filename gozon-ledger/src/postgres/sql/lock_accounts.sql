-- One global order for everyone, or two batches wait for each other forever.
-- The lock is taken after the sort, row by row, and answers with the newest
-- version of the row. Other tables read in this statement would be stale: the
-- transfer ids are looked up in the next one.
-- NO KEY: an adopter's foreign key to an account must not wait for us.
SELECT id, version, debits, credits, floor, ceiling, changed_at, asset, normal_side, status, frozen_both,
       pending_debits, pending_credits, reservations
FROM gozon_ledger_accounts
WHERE id = ANY (ARRAY(
    -- Which accounts a transfer has never changes once it stands, so that this
    -- may be read before any lock is held. One that comes to stand while this
    -- waits is missed here and noticed by the next statement.
    SELECT unnest($1::uuid[])
    UNION
    SELECT account_id FROM gozon_ledger_entries WHERE transfer_id = ANY ($2)
    UNION
    SELECT account_id FROM gozon_ledger_reservations WHERE transfer_id = ANY ($2)
))
ORDER BY id
FOR NO KEY UPDATE
