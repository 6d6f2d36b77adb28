-- No version: the account has not come so far.
SELECT account.opened_at,
       CASE WHEN $2::bigint BETWEEN 0 AND account.version THEN $2::bigint END AS version,
       entry.balance, entry.recorded_at
FROM gozon_ledger_accounts AS account
LEFT JOIN gozon_ledger_entries AS entry ON entry.account_id = account.id AND entry.version = $2::bigint
WHERE account.id = $1
