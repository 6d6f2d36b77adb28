SELECT id, version, debits, credits, pending_debits, pending_credits, normal_side
FROM gozon_ledger_accounts
WHERE id = ANY ($1)
