-- What people decide about dead letters, what was published, and since when
-- messages are kept. Only additions: relays of the version before work beside it.

ALTER TABLE gozon_outbox ADD COLUMN failed_at timestamptz;

-- Few rows, and an operator's page must not walk through 200,000 held ones.
CREATE INDEX gozon_outbox_dead ON gozon_outbox (seq) WHERE state = 'dead';

-- Never trimmed: what was discarded is kept here whole.
CREATE TABLE gozon_outbox_decisions (
    -- Drawn under a lock, so that its order is the order of the commits and a
    -- relay that has seen number n has seen all before it.
    number     bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL,
    seq        bigint NOT NULL,
    message_id uuid NOT NULL,
    partition  integer NOT NULL,
    attempts   integer NOT NULL,
    decision   text NOT NULL,
    decided_by text NOT NULL,
    reason     text NOT NULL,
    key        text,
    kind       text NOT NULL,
    last_error text,
    -- Of discarded messages; a replayed one is still in the outbox.
    attributes text,
    data       bytea,
    CONSTRAINT gozon_outbox_decisions_decision CHECK (decision IN ('replayed', 'discarded')),
    CONSTRAINT gozon_outbox_decisions_keep_the_discarded
        CHECK ((decision = 'discarded') = (attributes IS NOT NULL AND data IS NOT NULL))
);

CREATE INDEX gozon_outbox_decisions_message ON gozon_outbox_decisions (message_id);

-- Only filled where the archive is switched on.
CREATE TABLE gozon_outbox_archive (
    seq          bigint PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    message_id   uuid NOT NULL,
    attempts     integer NOT NULL,
    key          text,
    kind         text NOT NULL,
    attributes   text NOT NULL,
    data         bytea NOT NULL
);

CREATE INDEX gozon_outbox_archive_message ON gozon_outbox_archive (message_id);
CREATE INDEX gozon_outbox_archive_key ON gozon_outbox_archive (key, seq) WHERE key IS NOT NULL;
CREATE INDEX gozon_outbox_archive_published ON gozon_outbox_archive (published_at);
