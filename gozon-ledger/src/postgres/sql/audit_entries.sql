-- The account's version comes from the same snapshot as the entry, so that an
-- entry beyond it is wrong and not merely newer than the audit; and so does the
-- transfer, so that one that is missing is missing.
SELECT entry.account_id, entry.version, entry.transfer_id, entry.amount, entry.balance, entry.recorded_at,
       account.version AS account_version, transfer.recorded_at AS transfer_at
FROM (
    SELECT *
    FROM gozon_ledger_entries
    WHERE (account_id, version) >= ($1, $2)
      AND account_id <= $3
    ORDER BY account_id, version
    LIMIT $4
) AS entry
LEFT JOIN gozon_ledger_accounts AS account ON account.id = entry.account_id
LEFT JOIN gozon_ledger_transfers AS transfer ON transfer.id = entry.transfer_id
ORDER BY entry.account_id, entry.version
