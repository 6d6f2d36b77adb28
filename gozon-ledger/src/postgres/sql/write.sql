-- One round trip whatever the size of the batch. The three parts touch three
-- tables and none reads what another writes; each runs exactly once and to its
-- end, also those that nothing below refers to.
WITH new_transfers AS (
    INSERT INTO gozon_ledger_transfers (id, code, reference, metadata, request_hash, recorded_at)
    SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])
), new_entries AS (
    INSERT INTO gozon_ledger_entries (account_id, version, transfer_id, amount, balance, recorded_at)
    SELECT * FROM UNNEST($7::uuid[], $8::bigint[], $9::uuid[], $10::bigint[], $11::bigint[], $12::timestamptz[])
)
UPDATE gozon_ledger_accounts AS account
SET version = changed.version,
    debits = changed.debits,
    credits = changed.credits,
    changed_at = changed.changed_at
FROM UNNEST($13::uuid[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::timestamptz[])
    AS changed (id, previous_version, version, debits, credits, changed_at)
WHERE account.id = changed.id
  AND account.version = changed.previous_version
