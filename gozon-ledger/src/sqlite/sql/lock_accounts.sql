-- Nothing to lock: BEGIN IMMEDIATE made this transaction the only writer.
SELECT id, version, debits, credits, floor, ceiling, changed_at, asset, normal_side, status, frozen_both
FROM gozon_ledger_accounts
WHERE id IN (SELECT unhex(value) FROM json_each(?1))
ORDER BY id
