SELECT entry.account_id, entry.version, entry.transfer_id
FROM gozon_ledger_entries AS entry
LEFT JOIN gozon_ledger_accounts AS account ON account.id = entry.account_id
LEFT JOIN gozon_ledger_transfers AS transfer ON transfer.id = entry.transfer_id
WHERE account.id IS NULL
   OR transfer.id IS NULL
   OR transfer.recorded_at <> entry.recorded_at
ORDER BY entry.account_id, entry.version
LIMIT ?1
