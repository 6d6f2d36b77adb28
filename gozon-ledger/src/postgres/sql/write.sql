-- One round trip whatever the size of the batch. Each part touches a table of
-- its own and none reads what another writes; each runs exactly once and to its
-- end, also those that nothing below refers to.
WITH new_transfers AS (
    INSERT INTO gozon_ledger_transfers
        (id, kind, pending_id, reverses_id, expires_at, code, reference, metadata, request_hash, recorded_at)
    SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[],
                         $6::text[], $7::text[], $8::text[], $9::bytea[], $10::timestamptz[])
), new_entries AS (
    INSERT INTO gozon_ledger_entries
        (account_id, version, transfer_id, amount, balance, pending_debits, pending_credits, recorded_at)
    SELECT account_id, version, transfer_id, amount, balance,
           nullif(pending_debits, 0), nullif(pending_credits, 0), recorded_at
    FROM UNNEST($11::uuid[], $12::bigint[], $13::uuid[], $14::bigint[], $15::bigint[],
                $16::bigint[], $17::bigint[], $18::timestamptz[])
        AS entry (account_id, version, transfer_id, amount, balance, pending_debits, pending_credits, recorded_at)
), new_reservations AS (
    INSERT INTO gozon_ledger_reservations
        (account_id, number, transfer_id, debits, credits, pending_debits, pending_credits, balance, version, recorded_at)
    SELECT * FROM UNNEST($19::uuid[], $20::bigint[], $21::uuid[], $22::bigint[], $23::bigint[],
                         $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::timestamptz[])
), opened AS (
    INSERT INTO gozon_ledger_open_holds (transfer_id, expires_at)
    SELECT * FROM UNNEST($29::uuid[], $30::timestamptz[])
), resolved AS (
    DELETE FROM gozon_ledger_open_holds WHERE transfer_id = ANY ($31) RETURNING 1
), updated AS (
    UPDATE gozon_ledger_accounts AS account
    SET version = changed.version,
        debits = changed.debits,
        credits = changed.credits,
        reservations = changed.reservations,
        pending_debits = changed.pending_debits,
        pending_credits = changed.pending_credits,
        changed_at = changed.changed_at
    FROM UNNEST($32::uuid[], $33::bigint[], $34::bigint[], $35::bigint[], $36::bigint[],
                $37::bigint[], $38::bigint[], $39::bigint[], $40::bigint[], $41::timestamptz[])
        AS changed (id, previous_version, version, debits, credits,
                    previous_reservations, reservations, pending_debits, pending_credits, changed_at)
    WHERE account.id = changed.id
      AND account.version = changed.previous_version
      AND account.reservations = changed.previous_reservations
    RETURNING 1
)
SELECT (SELECT count(*) FROM updated) AS updated, (SELECT count(*) FROM resolved) AS resolved
