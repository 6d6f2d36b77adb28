INSERT INTO gozon_ledger_open_holds (transfer_id, expires_at)
SELECT unhex(value ->> 0), value ->> 1
FROM json_each(?1)
