SELECT id, version, debits, credits, floor, ceiling, changed_at, asset, normal_side, status, frozen_both,
       pending_debits, pending_credits, reservations
FROM gozon_ledger_accounts
WHERE id >= ?1
ORDER BY id
LIMIT ?2
