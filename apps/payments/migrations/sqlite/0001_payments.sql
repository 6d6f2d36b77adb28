-- One row per order, for ever: what was decided about its money.
CREATE TABLE payments (
    order_id   BLOB    NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    user_id    TEXT    NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    outcome    TEXT    NOT NULL CHECK (outcome IN ('PAID', 'REFUSED')),
    reason     TEXT    CHECK ((reason IS NOT NULL) = (outcome = 'REFUSED')),
    decided_at INTEGER NOT NULL -- microseconds since 1970, UTC
) STRICT;
