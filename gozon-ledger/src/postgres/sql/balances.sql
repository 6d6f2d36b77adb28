SELECT id, version, debits, credits, normal_side
FROM gozon_ledger_accounts
WHERE id = ANY ($1)
