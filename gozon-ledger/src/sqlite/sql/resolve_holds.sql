DELETE FROM gozon_ledger_open_holds
WHERE transfer_id IN (SELECT unhex(value) FROM json_each(?1))
