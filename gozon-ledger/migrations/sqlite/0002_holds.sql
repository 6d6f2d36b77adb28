-- Holds and reversals. Only additions, and everything has a default: a program
-- that knows nothing of them goes on working beside one that does.

ALTER TABLE gozon_ledger_accounts ADD COLUMN pending_debits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gozon_ledger_accounts ADD COLUMN pending_credits INTEGER NOT NULL DEFAULT 0
    -- These two also keep off a program of before, which would spend what is
    -- held because it does not look: the database refuses its batch.
    CONSTRAINT gozon_ledger_accounts_available CHECK (
        floor IS NULL OR floor <= CASE normal_side
            WHEN 'debit' THEN debits - credits - pending_credits
            ELSE credits - debits - pending_debits
        END
    )
    CONSTRAINT gozon_ledger_accounts_expected CHECK (
        ceiling IS NULL OR ceiling >= CASE normal_side
            WHEN 'debit' THEN debits - credits + pending_debits
            ELSE credits - debits + pending_credits
        END
    );
ALTER TABLE gozon_ledger_accounts ADD COLUMN reservations INTEGER NOT NULL DEFAULT 0
    CONSTRAINT gozon_ledger_accounts_pending
        CHECK (pending_debits >= 0 AND pending_credits >= 0 AND reservations >= 0);

ALTER TABLE gozon_ledger_transfers ADD COLUMN kind TEXT NOT NULL DEFAULT 'single';
ALTER TABLE gozon_ledger_transfers ADD COLUMN pending_id BLOB;
ALTER TABLE gozon_ledger_transfers ADD COLUMN reverses_id BLOB;
ALTER TABLE gozon_ledger_transfers ADD COLUMN expires_at INTEGER
    CONSTRAINT gozon_ledger_transfers_kind CHECK (
        CASE kind
            WHEN 'single' THEN pending_id IS NULL AND reverses_id IS NULL AND expires_at IS NULL
            WHEN 'pending' THEN pending_id IS NULL AND reverses_id IS NULL
            WHEN 'reversal' THEN pending_id IS NULL AND reverses_id IS NOT NULL AND expires_at IS NULL
            ELSE kind IN ('post', 'void', 'expire')
                AND pending_id IS NOT NULL AND reverses_id IS NULL AND expires_at IS NULL
        END
    );

-- A hold is resolved at most once, whatever a program believes.
CREATE UNIQUE INDEX gozon_ledger_transfers_pending ON gozon_ledger_transfers (pending_id)
    WHERE pending_id IS NOT NULL;
CREATE INDEX gozon_ledger_transfers_reverses ON gozon_ledger_transfers (reverses_id)
    WHERE reverses_id IS NOT NULL;

-- What was pending after the entry; NULL means nothing.
ALTER TABLE gozon_ledger_entries ADD COLUMN pending_debits INTEGER;
ALTER TABLE gozon_ledger_entries ADD COLUMN pending_credits INTEGER;

-- What a hold reserved (above 0) and its resolution released (below 0), each
-- account's numbered without gaps, with what the account then held.
CREATE TABLE gozon_ledger_reservations (
    account_id      BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    transfer_id     BLOB    NOT NULL,
    debits          INTEGER NOT NULL,
    credits         INTEGER NOT NULL,
    pending_debits  INTEGER NOT NULL,
    pending_credits INTEGER NOT NULL,
    balance         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    recorded_at     INTEGER NOT NULL,
    PRIMARY KEY (account_id, number),
    CONSTRAINT gozon_ledger_reservations_number CHECK (number >= 1),
    CONSTRAINT gozon_ledger_reservations_change CHECK ((debits = 0) <> (credits = 0))
) STRICT, WITHOUT ROWID;

CREATE INDEX gozon_ledger_reservations_transfer ON gozon_ledger_reservations (transfer_id);

-- Holds that wait for their resolution, which deletes the row. Transfers never
-- change, so that this cannot be a mark on them; and looking for what is due
-- reads open holds alone, not all that ever were.
CREATE TABLE gozon_ledger_open_holds (
    transfer_id BLOB    NOT NULL PRIMARY KEY,
    expires_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX gozon_ledger_open_holds_expiry ON gozon_ledger_open_holds (expires_at)
    WHERE expires_at IS NOT NULL;
