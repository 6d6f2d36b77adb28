-- The account's number comes from the same snapshot as the reservation, so that
-- one beyond it is wrong and not merely newer than the audit.
SELECT reservation.account_id, reservation.number, reservation.debits, reservation.credits,
       reservation.pending_debits, reservation.pending_credits, reservation.recorded_at,
       account.reservations AS account_reservations
FROM gozon_ledger_reservations AS reservation
JOIN gozon_ledger_accounts AS account ON account.id = reservation.account_id
WHERE (reservation.account_id, reservation.number) >= (?1, ?2)
  AND reservation.account_id <= ?3
ORDER BY reservation.account_id, reservation.number
LIMIT ?4
