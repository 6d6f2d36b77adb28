-- One row per consumer and message: the mark that keeps a repeat from having
-- an effect, and, for what could not be handled yet or at all, the message
-- itself. The key begins with the consumer, so that two consumers of one
-- message never share a mark. Times are microseconds since 1970, UTC.
CREATE TABLE gozon_inbox (
    consumer    TEXT    NOT NULL,
    message_id  BLOB    NOT NULL,
    -- trying: an attempt was committed, its outcome was not.
    -- done: the effect was committed together with this mark.
    -- retry: waits here until next_at. dead: waits for a person.
    state       TEXT    NOT NULL,
    -- Attempts that were committed before the handler ran.
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- 1 if attributes are the headers of something that is no envelope.
    malformed   INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    next_at     INTEGER,
    reason      TEXT,
    attributes  TEXT,
    data        BLOB,
    PRIMARY KEY (consumer, message_id),
    CONSTRAINT gozon_inbox_state_known
        CHECK (state IN ('trying', 'done', 'retry', 'dead')),
    CONSTRAINT gozon_inbox_retry_has_a_time
        CHECK ((state = 'retry') = (next_at IS NOT NULL)),
    CONSTRAINT gozon_inbox_kept_is_whole
        CHECK ((state IN ('retry', 'dead'))
             = (reason IS NOT NULL AND attributes IS NOT NULL AND data IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX gozon_inbox_kept ON gozon_inbox (consumer, state, next_at)
    WHERE state IN ('retry', 'dead');

CREATE INDEX gozon_inbox_age ON gozon_inbox (changed_at) WHERE state = 'done';

-- One row per idempotent HTTP request: the answer, stored in the transaction
-- of the business. A committed row always holds an answer.
CREATE TABLE gozon_inbox_requests (
    user_id     TEXT    NOT NULL,
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    status      INTEGER,
    headers     TEXT,
    body        BLOB,
    PRIMARY KEY (user_id, route, key),
    CONSTRAINT gozon_inbox_requests_only_success
        CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT gozon_inbox_requests_answer_is_whole
        CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX gozon_inbox_requests_age ON gozon_inbox_requests (created_at);
