-- Of ordered subscriptions alone: who stands behind whom. In front of a line is
-- a message that could not be handled yet or at all; behind it, in the order of
-- arrival, the later messages of its key. Each of them is kept in gozon_inbox,
-- those behind as retries whose time is not set (`infinity`). A table of its
-- own, so that unordered subscriptions pay nothing, and so that no index has to
-- be built over the marks.
CREATE TABLE gozon_inbox_lines (
    consumer    text   NOT NULL,
    -- Derived from the ordering key, which may be too long for an index.
    line        uuid   NOT NULL,
    position    bigint NOT NULL,
    message_id  uuid   NOT NULL,
    PRIMARY KEY (consumer, line, position),
    CONSTRAINT gozon_inbox_lines_once UNIQUE (consumer, message_id)
);
