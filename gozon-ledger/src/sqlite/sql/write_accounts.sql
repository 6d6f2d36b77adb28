UPDATE gozon_ledger_accounts
SET version = changed.version,
    debits = changed.debits,
    credits = changed.credits,
    reservations = changed.reservations,
    pending_debits = changed.pending_debits,
    pending_credits = changed.pending_credits,
    changed_at = changed.changed_at
FROM (
    SELECT unhex(value ->> 0) AS id, value ->> 1 AS previous_version, value ->> 2 AS version,
           value ->> 3 AS debits, value ->> 4 AS credits,
           value ->> 5 AS previous_reservations, value ->> 6 AS reservations,
           value ->> 7 AS pending_debits, value ->> 8 AS pending_credits, value ->> 9 AS changed_at
    FROM json_each(?1)
) AS changed
WHERE gozon_ledger_accounts.id = changed.id
  AND gozon_ledger_accounts.version = changed.previous_version
  AND gozon_ledger_accounts.reservations = changed.previous_reservations
