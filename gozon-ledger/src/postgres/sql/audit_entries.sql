-- The account's version comes from the same snapshot as the entry, so that an
-- entry beyond it is wrong and not merely newer than the audit.
SELECT entry.account_id, entry.version, entry.amount, entry.balance, entry.recorded_at,
       account.version AS account_version
FROM gozon_ledger_entries AS entry
JOIN gozon_ledger_accounts AS account ON account.id = entry.account_id
WHERE (entry.account_id, entry.version) >= ($1, $2)
  AND entry.account_id <= $3
ORDER BY entry.account_id, entry.version
LIMIT $4
