-- As audit_entries.sql.
SELECT reservation.account_id, reservation.number, reservation.transfer_id, reservation.debits,
       reservation.credits, reservation.pending_debits, reservation.pending_credits,
       reservation.recorded_at, account.reservations AS account_reservations,
       transfer.recorded_at AS transfer_at
FROM (
    SELECT *
    FROM gozon_ledger_reservations
    WHERE (account_id, number) >= ($1, $2)
      AND account_id <= $3
    ORDER BY account_id, number
    LIMIT $4
) AS reservation
LEFT JOIN gozon_ledger_accounts AS account ON account.id = reservation.account_id
LEFT JOIN gozon_ledger_transfers AS transfer ON transfer.id = reservation.transfer_id
ORDER BY reservation.account_id, reservation.number
