-- SQLite cannot write in a WITH clause: its twin of write.sql is several statements.
INSERT INTO gozon_ledger_transfers
    (id, kind, pending_id, reverses_id, expires_at, code, reference, metadata, request_hash, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3), value ->> 4,
       value ->> 5, value ->> 6, value ->> 7, unhex(value ->> 8), value ->> 9
FROM json_each(?1)
