-- An account that is frozen on both sides says `debit_frozen` and this: a
-- program of an older version does not know the column, but leaves alone
-- whatever is not `open`.
ALTER TABLE gozon_ledger_accounts
    ADD COLUMN frozen_both boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT gozon_ledger_accounts_frozen_both CHECK (NOT frozen_both OR status = 'debit_frozen');

-- What operators did. Times of one account's changes and entries all differ,
-- and their order is the order in which they happened.
CREATE TABLE gozon_ledger_account_changes (
    account_id uuid        NOT NULL,
    changed_at timestamptz NOT NULL,
    change     text        NOT NULL,
    value      text,
    reason     text        NOT NULL,
    CONSTRAINT gozon_ledger_account_changes_pkey PRIMARY KEY (account_id, changed_at)
);
