INSERT INTO gozon_ledger_entries
    (account_id, version, transfer_id, amount, balance, pending_debits, pending_credits, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4,
       nullif(value ->> 5, 0), nullif(value ->> 6, 0), value ->> 7
FROM json_each(?1)
