INSERT INTO gozon_ledger_reservations
    (account_id, number, transfer_id, debits, credits, pending_debits, pending_credits, balance, version, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4,
       value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9
FROM json_each(?1)
