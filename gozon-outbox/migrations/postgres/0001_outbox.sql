-- The outbox, and who relays which part of it.

CREATE TABLE gozon_outbox_settings (
    only_row   boolean PRIMARY KEY DEFAULT true,
    -- Fixed for the life of the outbox: a key's partition is its hash modulo this.
    partitions integer NOT NULL,
    CONSTRAINT gozon_outbox_settings_one_row CHECK (only_row),
    CONSTRAINT gozon_outbox_settings_partitions CHECK (partitions BETWEEN 1 AND 1024)
);

INSERT INTO gozon_outbox_settings (partitions) VALUES (64);

CREATE TABLE gozon_outbox_members (
    id    uuid PRIMARY KEY,
    until timestamptz NOT NULL
);

CREATE TABLE gozon_outbox_leases (
    partition integer PRIMARY KEY,
    owner     uuid,
    -- Grows with every change of owner; every write but a delete checks it.
    epoch     bigint NOT NULL DEFAULT 0,
    until     timestamptz
);

INSERT INTO gozon_outbox_leases (partition)
SELECT generate_series(0, partitions - 1) FROM gozon_outbox_settings;

CREATE TABLE gozon_outbox (
    -- CACHE 1: a session that kept numbers in store would hand them out in
    -- another order than the commits.
    seq        bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When a delayed message becomes ready.
    due_at     timestamptz,
    -- When a held message is published again.
    retry_at   timestamptz,
    message_id uuid NOT NULL,
    partition  integer NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    state      text NOT NULL DEFAULT 'ready',
    key        text,
    kind       text NOT NULL,
    attributes text NOT NULL,
    last_error text,
    data       bytea NOT NULL,
    CONSTRAINT gozon_outbox_state CHECK (state IN ('ready', 'held', 'delayed', 'dead')),
    CONSTRAINT gozon_outbox_delayed_is_due CHECK ((state = 'delayed') = (due_at IS NOT NULL))
)
-- Rows live for milliseconds. Vacuum by number, not by share of the table, and
-- without pauses, or the index fills with the dead.
WITH (
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX gozon_outbox_ready ON gozon_outbox (partition, seq) WHERE state = 'ready';
CREATE INDEX gozon_outbox_kept ON gozon_outbox (partition, key, seq) WHERE state IN ('held', 'dead');
CREATE INDEX gozon_outbox_delayed ON gozon_outbox (due_at) WHERE state = 'delayed';
