-- Times are microseconds since 1970 in UTC, ids are 16 bytes.

CREATE TABLE gozon_ledger_accounts (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version     INTEGER NOT NULL DEFAULT 0,
    debits      INTEGER NOT NULL DEFAULT 0,
    credits     INTEGER NOT NULL DEFAULT 0,
    floor       INTEGER,
    ceiling     INTEGER,
    opened_at   INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    asset       TEXT    NOT NULL,
    normal_side TEXT    NOT NULL,
    status      TEXT    NOT NULL DEFAULT 'open',
    code        TEXT    NOT NULL,
    metadata    TEXT    NOT NULL,
    CONSTRAINT gozon_ledger_accounts_counters CHECK (debits >= 0 AND credits >= 0 AND version >= 0),
    CONSTRAINT gozon_ledger_accounts_normal_side CHECK (normal_side IN ('debit', 'credit')),
    CONSTRAINT gozon_ledger_accounts_status CHECK (status IN ('open', 'debit_frozen', 'credit_frozen', 'closed')),
    -- The last line of defence: the rules refuse first. Both counters are at
    -- least 0, so that their difference cannot overflow.
    CONSTRAINT gozon_ledger_accounts_floor CHECK (
        floor IS NULL OR floor <= CASE normal_side WHEN 'debit' THEN debits - credits ELSE credits - debits END
    ),
    CONSTRAINT gozon_ledger_accounts_ceiling CHECK (
        ceiling IS NULL OR ceiling >= CASE normal_side WHEN 'debit' THEN debits - credits ELSE credits - debits END
    )
) STRICT, WITHOUT ROWID;

CREATE TABLE gozon_ledger_transfers (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    recorded_at  INTEGER NOT NULL,
    code         TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    metadata     TEXT    NOT NULL,
    request_hash BLOB    NOT NULL
) STRICT;

-- The primary key is the statement's index, the detector of lost updates and
-- the index of "balance as of a version", all at once.
CREATE TABLE gozon_ledger_entries (
    account_id  BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    transfer_id BLOB    NOT NULL,
    amount      INTEGER NOT NULL,
    balance     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, version),
    CONSTRAINT gozon_ledger_entries_version CHECK (version >= 1),
    CONSTRAINT gozon_ledger_entries_amount CHECK (amount <> 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX gozon_ledger_entries_transfer ON gozon_ledger_entries (transfer_id);
