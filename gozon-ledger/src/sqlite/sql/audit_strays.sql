SELECT part.account_id, part.version, part.transfer_id
FROM (
    SELECT account_id, version, transfer_id, recorded_at FROM gozon_ledger_entries
    UNION ALL
    SELECT account_id, number, transfer_id, recorded_at FROM gozon_ledger_reservations
) AS part
LEFT JOIN gozon_ledger_accounts AS account ON account.id = part.account_id
LEFT JOIN gozon_ledger_transfers AS transfer ON transfer.id = part.transfer_id
WHERE account.id IS NULL
   OR transfer.id IS NULL
   OR transfer.recorded_at <> part.recorded_at
ORDER BY part.account_id, part.version
LIMIT ?1
