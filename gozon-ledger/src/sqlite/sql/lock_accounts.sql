-- Nothing to lock: BEGIN IMMEDIATE made this transaction the only writer.
SELECT id, version, debits, credits, floor, ceiling, changed_at, asset, normal_side, status, frozen_both,
       pending_debits, pending_credits, reservations
FROM gozon_ledger_accounts
WHERE id IN (
    SELECT unhex(value) FROM json_each(?1)
    UNION
    SELECT account_id FROM gozon_ledger_entries
    WHERE transfer_id IN (SELECT unhex(value) FROM json_each(?2))
    UNION
    SELECT account_id FROM gozon_ledger_reservations
    WHERE transfer_id IN (SELECT unhex(value) FROM json_each(?2))
)
ORDER BY id
