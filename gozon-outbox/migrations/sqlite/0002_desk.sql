-- What people decide about dead letters, what was published, and since when
-- messages are kept. Only additions: relays of the version before work beside it.

ALTER TABLE gozon_outbox ADD COLUMN failed_at INTEGER;

-- Few rows, and an operator's page must not walk through 200,000 held ones.
CREATE INDEX gozon_outbox_dead ON gozon_outbox (seq) WHERE state = 'dead';

-- Never trimmed: what was discarded is kept here whole.
CREATE TABLE gozon_outbox_decisions (
    -- The one writer makes its order the order of the commits, so that a relay
    -- that has seen number n has seen all before it.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    decided_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    partition  INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    decision   TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    key        TEXT,
    kind       TEXT NOT NULL,
    last_error TEXT,
    -- Of discarded messages; a replayed one is still in the outbox.
    attributes TEXT,
    data       BLOB,
    CONSTRAINT gozon_outbox_decisions_decision CHECK (decision IN ('replayed', 'discarded')),
    CONSTRAINT gozon_outbox_decisions_keep_the_discarded
        CHECK ((decision = 'discarded') = (attributes IS NOT NULL AND data IS NOT NULL))
) STRICT;

CREATE INDEX gozon_outbox_decisions_message ON gozon_outbox_decisions (message_id);

-- Only filled where the archive is switched on.
CREATE TABLE gozon_outbox_archive (
    seq          INTEGER PRIMARY KEY,
    created_at   INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    message_id   BLOB NOT NULL,
    attempts     INTEGER NOT NULL,
    key          TEXT,
    kind         TEXT NOT NULL,
    attributes   TEXT NOT NULL,
    data         BLOB NOT NULL
) STRICT;

CREATE INDEX gozon_outbox_archive_message ON gozon_outbox_archive (message_id);
CREATE INDEX gozon_outbox_archive_key ON gozon_outbox_archive (key, seq) WHERE key IS NOT NULL;
CREATE INDEX gozon_outbox_archive_published ON gozon_outbox_archive (published_at);
