SELECT changed_at, change, value, reason
FROM gozon_ledger_account_changes
WHERE account_id = ?1
  AND changed_at < ?2
ORDER BY changed_at DESC
LIMIT ?3
