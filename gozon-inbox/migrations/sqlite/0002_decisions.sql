-- What people decided about dead letters. Nothing here is ever deleted by the
-- inbox: a discarded message lives on in its row.
CREATE TABLE gozon_inbox_decisions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer    TEXT    NOT NULL,
    message_id  BLOB    NOT NULL,
    decision    TEXT    NOT NULL,
    decided_at  INTEGER NOT NULL,
    decided_by  TEXT    NOT NULL,
    why         TEXT    NOT NULL,
    -- The dead letter as it stood.
    attempts    INTEGER NOT NULL,
    malformed   INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    died_at     INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    -- Only of what was discarded: what is replayed keeps its own row.
    attributes  TEXT,
    data        BLOB,
    CONSTRAINT gozon_inbox_decisions_known
        CHECK (decision IN ('replayed', 'discarded')),
    CONSTRAINT gozon_inbox_decisions_keep_the_content
        CHECK ((decision = 'discarded') = (attributes IS NOT NULL AND data IS NOT NULL))
) STRICT;

-- The attempts that a replay has forgiven are looked up for each retry.
CREATE INDEX gozon_inbox_decisions_about ON gozon_inbox_decisions (consumer, message_id);
CREATE INDEX gozon_inbox_decisions_newest ON gozon_inbox_decisions (consumer, id);
