SELECT asset, normal_side, code
FROM gozon_ledger_accounts
WHERE id = ?1
