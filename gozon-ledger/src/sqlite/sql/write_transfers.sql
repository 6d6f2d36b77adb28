-- SQLite cannot write in a WITH clause: its twin of write.sql is three statements.
INSERT INTO gozon_ledger_transfers (id, code, reference, metadata, request_hash, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5
FROM json_each(?1)
