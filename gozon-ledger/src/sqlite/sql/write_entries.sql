INSERT INTO gozon_ledger_entries (account_id, version, transfer_id, amount, balance, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5
FROM json_each(?1)
