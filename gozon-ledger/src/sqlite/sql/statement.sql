SELECT entry.version, entry.transfer_id, transfer.code, transfer.reference, transfer.metadata,
       entry.amount, entry.balance, entry.recorded_at
FROM gozon_ledger_entries AS entry
JOIN gozon_ledger_transfers AS transfer ON transfer.id = entry.transfer_id
WHERE entry.account_id = ?1
  AND entry.version < ?2
ORDER BY entry.version DESC
LIMIT ?3
