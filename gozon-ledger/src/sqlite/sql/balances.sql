SELECT id, version, debits, credits, pending_debits, pending_credits, normal_side
FROM gozon_ledger_accounts
WHERE id IN (SELECT unhex(value) FROM json_each(?1))
