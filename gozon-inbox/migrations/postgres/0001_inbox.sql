-- One row per consumer and message: the mark that keeps a repeat from having
-- an effect, and, for what could not be handled yet or at all, the message
-- itself. The key begins with the consumer, so that two consumers of one
-- message never share a mark.
CREATE TABLE gozon_inbox (
    consumer    text        NOT NULL,
    message_id  uuid        NOT NULL,
    -- trying: an attempt was committed, its outcome was not.
    -- done: the effect was committed together with this mark.
    -- retry: waits here until next_at. dead: waits for a person.
    state       text        NOT NULL,
    -- Attempts that were committed before the handler ran.
    attempts    integer     NOT NULL DEFAULT 0,
    -- True if attributes are the headers of something that is no envelope.
    malformed   boolean     NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    next_at     timestamptz,
    reason      text,
    attributes  text,
    data        bytea,
    PRIMARY KEY (consumer, message_id),
    CONSTRAINT gozon_inbox_state_known
        CHECK (state IN ('trying', 'done', 'retry', 'dead')),
    CONSTRAINT gozon_inbox_retry_has_a_time
        CHECK ((state = 'retry') = (next_at IS NOT NULL)),
    CONSTRAINT gozon_inbox_kept_is_whole
        CHECK ((state IN ('retry', 'dead'))
             = (reason IS NOT NULL AND attributes IS NOT NULL AND data IS NOT NULL))
);

-- Only what is kept is in here, so that the marks of every day cost nothing.
CREATE INDEX gozon_inbox_kept ON gozon_inbox (consumer, state, next_at)
    WHERE state IN ('retry', 'dead');

-- Marks grow in the order of time, which is all that retention asks for; a
-- B-tree would be one more page write per message.
CREATE INDEX gozon_inbox_age ON gozon_inbox
    USING brin (changed_at) WITH (pages_per_range = 32, autosummarize = on);

-- One row per idempotent HTTP request: the answer, stored in the transaction
-- of the business. A committed row always holds an answer.
CREATE TABLE gozon_inbox_requests (
    user_id     text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    status      integer,
    headers     text,
    body        bytea,
    PRIMARY KEY (user_id, route, key),
    CONSTRAINT gozon_inbox_requests_only_success
        CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT gozon_inbox_requests_answer_is_whole
        CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
);

CREATE INDEX gozon_inbox_requests_age ON gozon_inbox_requests
    USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
