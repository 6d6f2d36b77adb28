INSERT INTO gozon_ledger_accounts (id, asset, normal_side, code, floor, ceiling, metadata, opened_at, changed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
ON CONFLICT (id) DO NOTHING
