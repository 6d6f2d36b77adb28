-- Of ordered subscriptions alone: who stands behind whom. In front of a line is
-- a message that could not be handled yet or at all; behind it, in the order of
-- arrival, the later messages of its key. Each of them is kept in gozon_inbox,
-- those behind as retries whose time is not set (the greatest integer). A table
-- of its own, so that unordered subscriptions pay nothing.
CREATE TABLE gozon_inbox_lines (
    consumer    TEXT    NOT NULL,
    -- Derived from the ordering key, which may be long.
    line        BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    message_id  BLOB    NOT NULL,
    PRIMARY KEY (consumer, line, position),
    CONSTRAINT gozon_inbox_lines_once UNIQUE (consumer, message_id)
) STRICT, WITHOUT ROWID;
