INSERT INTO gozon_ledger_account_changes (account_id, changed_at, change, value, reason)
VALUES (?1, ?2, ?3, ?4, ?5)
