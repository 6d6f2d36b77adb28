-- What people decided about dead letters. Nothing here is ever deleted by the
-- inbox: a discarded message lives on in its row.
CREATE TABLE gozon_inbox_decisions (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text        NOT NULL,
    message_id  uuid        NOT NULL,
    decision    text        NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    decided_by  text        NOT NULL,
    why         text        NOT NULL,
    -- The dead letter as it stood.
    attempts    integer     NOT NULL,
    malformed   boolean     NOT NULL,
    received_at timestamptz NOT NULL,
    died_at     timestamptz NOT NULL,
    reason      text        NOT NULL,
    -- Only of what was discarded: what is replayed keeps its own row.
    attributes  text,
    data        bytea,
    CONSTRAINT gozon_inbox_decisions_known
        CHECK (decision IN ('replayed', 'discarded')),
    CONSTRAINT gozon_inbox_decisions_keep_the_content
        CHECK ((decision = 'discarded') = (attributes IS NOT NULL AND data IS NOT NULL))
);

-- The attempts that a replay has forgiven are looked up for each retry.
CREATE INDEX gozon_inbox_decisions_about ON gozon_inbox_decisions (consumer, message_id);
CREATE INDEX gozon_inbox_decisions_newest ON gozon_inbox_decisions (consumer, id);
