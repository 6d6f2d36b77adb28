SELECT transfer_id
FROM gozon_ledger_open_holds
WHERE expires_at <= ?1
ORDER BY expires_at, transfer_id
LIMIT ?2
