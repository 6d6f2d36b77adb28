-- The outbox, and who relays which part of it. Times are microseconds since
-- 1970-01-01 UTC.

CREATE TABLE gozon_outbox_settings (
    only_row   INTEGER PRIMARY KEY DEFAULT 1,
    -- Fixed for the life of the outbox: a key's partition is its hash modulo this.
    partitions INTEGER NOT NULL,
    CONSTRAINT gozon_outbox_settings_one_row CHECK (only_row = 1),
    CONSTRAINT gozon_outbox_settings_partitions CHECK (partitions BETWEEN 1 AND 1024)
) STRICT;

INSERT INTO gozon_outbox_settings (partitions) VALUES (64);

CREATE TABLE gozon_outbox_members (
    id    BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE gozon_outbox_leases (
    partition INTEGER PRIMARY KEY,
    owner     BLOB,
    -- Grows with every change of owner; every write but a delete checks it.
    epoch     INTEGER NOT NULL DEFAULT 0,
    until     INTEGER
) STRICT;

WITH RECURSIVE numbers(partition) AS (
    SELECT 0
    UNION ALL
    SELECT partition + 1 FROM numbers
    WHERE partition + 1 < (SELECT partitions FROM gozon_outbox_settings)
)
INSERT INTO gozon_outbox_leases (partition) SELECT partition FROM numbers;

CREATE TABLE gozon_outbox (
    -- AUTOINCREMENT: a number must never be used twice, or a late delete would
    -- remove another message.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    -- When a delayed message becomes ready.
    due_at     INTEGER,
    -- When a held message is published again.
    retry_at   INTEGER,
    message_id BLOB NOT NULL,
    partition  INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    state      TEXT NOT NULL DEFAULT 'ready',
    key        TEXT,
    kind       TEXT NOT NULL,
    attributes TEXT NOT NULL,
    last_error TEXT,
    data       BLOB NOT NULL,
    CONSTRAINT gozon_outbox_state CHECK (state IN ('ready', 'held', 'delayed', 'dead')),
    CONSTRAINT gozon_outbox_delayed_is_due CHECK ((state = 'delayed') = (due_at IS NOT NULL))
) STRICT;

CREATE INDEX gozon_outbox_ready ON gozon_outbox (partition, seq) WHERE state = 'ready';
CREATE INDEX gozon_outbox_kept ON gozon_outbox (partition, key, seq) WHERE state IN ('held', 'dead');
CREATE INDEX gozon_outbox_delayed ON gozon_outbox (due_at) WHERE state = 'delayed';
