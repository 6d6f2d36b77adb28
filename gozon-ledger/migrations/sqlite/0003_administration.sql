-- An account that is frozen on both sides says `debit_frozen` and this: a
-- program of an older version does not know the column, but leaves alone
-- whatever is not `open`.
ALTER TABLE gozon_ledger_accounts
    ADD COLUMN frozen_both INTEGER NOT NULL DEFAULT 0
    CONSTRAINT gozon_ledger_accounts_frozen_both CHECK (frozen_both = 0 OR (frozen_both = 1 AND status = 'debit_frozen'));

-- What operators did. Times of one account's changes and entries all differ,
-- and their order is the order in which they happened.
CREATE TABLE gozon_ledger_account_changes (
    account_id BLOB    NOT NULL,
    changed_at INTEGER NOT NULL,
    change     TEXT    NOT NULL,
    value      TEXT,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (account_id, changed_at)
) STRICT, WITHOUT ROWID;
