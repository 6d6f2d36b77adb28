-- Holds and reversals. Only additions, and everything has a default: a program
-- that knows nothing of them goes on working beside one that does.

-- NOT VALID: what stands there has nothing pending and keeps its limits by the
-- older constraints, so there is nothing to read through while the table is
-- locked. Every new row and every update is checked.
ALTER TABLE gozon_ledger_accounts
    ADD COLUMN pending_debits  bigint NOT NULL DEFAULT 0,
    ADD COLUMN pending_credits bigint NOT NULL DEFAULT 0,
    ADD COLUMN reservations    bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT gozon_ledger_accounts_pending
        CHECK (pending_debits >= 0 AND pending_credits >= 0 AND reservations >= 0) NOT VALID,
    -- These two also keep off a program of before, which would spend what is
    -- held because it does not look: the database refuses its batch.
    ADD CONSTRAINT gozon_ledger_accounts_available CHECK (
        floor IS NULL OR floor <= CASE normal_side
            WHEN 'debit' THEN debits - credits - pending_credits
            ELSE credits - debits - pending_debits
        END
    ) NOT VALID,
    ADD CONSTRAINT gozon_ledger_accounts_expected CHECK (
        ceiling IS NULL OR ceiling >= CASE normal_side
            WHEN 'debit' THEN debits - credits + pending_debits
            ELSE credits - debits + pending_credits
        END
    ) NOT VALID;

ALTER TABLE gozon_ledger_transfers
    ADD COLUMN kind        text NOT NULL DEFAULT 'single',
    ADD COLUMN pending_id  uuid,
    ADD COLUMN reverses_id uuid,
    ADD COLUMN expires_at  timestamptz,
    ADD CONSTRAINT gozon_ledger_transfers_kind CHECK (
        CASE kind
            WHEN 'single' THEN pending_id IS NULL AND reverses_id IS NULL AND expires_at IS NULL
            WHEN 'pending' THEN pending_id IS NULL AND reverses_id IS NULL
            WHEN 'reversal' THEN pending_id IS NULL AND reverses_id IS NOT NULL AND expires_at IS NULL
            ELSE kind IN ('post', 'void', 'expire')
                AND pending_id IS NOT NULL AND reverses_id IS NULL AND expires_at IS NULL
        END
    ) NOT VALID;

-- A hold is resolved at most once, whatever a program believes.
CREATE UNIQUE INDEX gozon_ledger_transfers_pending ON gozon_ledger_transfers (pending_id)
    WHERE pending_id IS NOT NULL;
CREATE INDEX gozon_ledger_transfers_reverses ON gozon_ledger_transfers (reverses_id)
    WHERE reverses_id IS NOT NULL;

-- What was pending after the entry; NULL, which takes no room, means nothing.
ALTER TABLE gozon_ledger_entries
    ADD COLUMN pending_debits  bigint,
    ADD COLUMN pending_credits bigint;

-- What a hold reserved (above 0) and its resolution released (below 0), each
-- account's numbered without gaps, with what the account then held. The primary
-- key detects a lost update, as that of the entries does.
CREATE TABLE gozon_ledger_reservations (
    account_id      uuid        NOT NULL,
    number          bigint      NOT NULL,
    transfer_id     uuid        NOT NULL,
    debits          bigint      NOT NULL,
    credits         bigint      NOT NULL,
    pending_debits  bigint      NOT NULL,
    pending_credits bigint      NOT NULL,
    balance         bigint      NOT NULL,
    version         bigint      NOT NULL,
    recorded_at     timestamptz NOT NULL,
    CONSTRAINT gozon_ledger_reservations_pkey PRIMARY KEY (account_id, number),
    CONSTRAINT gozon_ledger_reservations_number CHECK (number >= 1),
    CONSTRAINT gozon_ledger_reservations_change CHECK ((debits = 0) <> (credits = 0))
);

CREATE INDEX gozon_ledger_reservations_transfer ON gozon_ledger_reservations (transfer_id);

-- Holds that wait for their resolution, which deletes the row. Transfers never
-- change, so that this cannot be a mark on them; and looking for what is due
-- reads open holds alone, not all that ever were.
CREATE TABLE gozon_ledger_open_holds (
    transfer_id uuid NOT NULL,
    expires_at  timestamptz,
    CONSTRAINT gozon_ledger_open_holds_pkey PRIMARY KEY (transfer_id)
);

CREATE INDEX gozon_ledger_open_holds_expiry ON gozon_ledger_open_holds (expires_at)
    WHERE expires_at IS NOT NULL;
