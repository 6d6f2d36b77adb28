-- Four lookups by index, not one with OR: the last three find nothing to do when
-- the batch follows on nothing.
WITH wanted AS MATERIALIZED (
    SELECT * FROM gozon_ledger_transfers WHERE id IN (SELECT unhex(value) FROM json_each(?1))
    UNION
    SELECT * FROM gozon_ledger_transfers WHERE id IN (SELECT unhex(value) FROM json_each(?2))
    UNION
    SELECT * FROM gozon_ledger_transfers WHERE pending_id IN (SELECT unhex(value) FROM json_each(?2))
    UNION
    SELECT * FROM gozon_ledger_transfers WHERE reverses_id IN (SELECT unhex(value) FROM json_each(?2))
), parts AS (
    SELECT entry.transfer_id, entry.account_id, entry.version, entry.amount, entry.balance,
           coalesce(entry.pending_debits, 0) AS pending_debits,
           coalesce(entry.pending_credits, 0) AS pending_credits,
           NULL AS reserved_debits, NULL AS reserved_credits
    FROM wanted
    JOIN gozon_ledger_entries AS entry ON entry.transfer_id = wanted.id
    UNION ALL
    SELECT reservation.transfer_id, reservation.account_id, reservation.version, NULL,
           reservation.balance, reservation.pending_debits, reservation.pending_credits,
           reservation.debits, reservation.credits
    FROM wanted
    JOIN gozon_ledger_reservations AS reservation ON reservation.transfer_id = wanted.id
)
SELECT wanted.id, wanted.kind, wanted.pending_id, wanted.reverses_id, wanted.expires_at,
       wanted.code, wanted.reference, wanted.metadata, wanted.request_hash, wanted.recorded_at,
       part.version, part.amount, part.reserved_debits, part.reserved_credits,
       part.balance, part.pending_debits, part.pending_credits,
       account.id AS account_id, account.asset, account.normal_side
FROM wanted
LEFT JOIN parts AS part ON part.transfer_id = wanted.id
LEFT JOIN gozon_ledger_accounts AS account ON account.id = part.account_id
ORDER BY wanted.id, part.account_id, part.version, part.amount
