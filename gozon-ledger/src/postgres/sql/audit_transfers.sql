SELECT transfer.id, transfer.code, transfer.reference, transfer.metadata, transfer.request_hash,
       transfer.recorded_at, entry.version, entry.amount, entry.balance,
       account.id AS account_id, account.asset, account.normal_side
FROM (SELECT * FROM gozon_ledger_transfers WHERE id >= $1 ORDER BY id LIMIT $2) AS transfer
LEFT JOIN gozon_ledger_entries AS entry ON entry.transfer_id = transfer.id
LEFT JOIN gozon_ledger_accounts AS account ON account.id = entry.account_id
ORDER BY transfer.id, entry.account_id, entry.version
