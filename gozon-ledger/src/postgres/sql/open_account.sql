-- Waits for a concurrent opening of the same id; the next statement sees it.
INSERT INTO gozon_ledger_accounts (id, asset, normal_side, code, floor, ceiling, metadata, opened_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT ON CONSTRAINT gozon_ledger_accounts_pkey DO NOTHING
