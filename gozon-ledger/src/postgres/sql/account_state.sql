SELECT id, version, debits, credits, floor, ceiling, opened_at, changed_at, asset, normal_side, status,
       frozen_both, code, metadata, pending_debits, pending_credits, reservations
FROM gozon_ledger_accounts
WHERE id = $1
