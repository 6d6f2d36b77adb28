CREATE TABLE orders (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id     TEXT    NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
    amount      INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
    currency    TEXT    NOT NULL CHECK (length(currency) = 3),
    description TEXT    NOT NULL CHECK (length(description) BETWEEN 1 AND 255),
    status      TEXT    NOT NULL CHECK (status IN ('NEW', 'FINISHED', 'CANCELLED')),
    reason      TEXT    CHECK ((reason IS NOT NULL) = (status = 'CANCELLED')),
    version     INTEGER NOT NULL CHECK (version >= 1),
    created_at  INTEGER NOT NULL, -- microseconds since 1970, UTC
    updated_at  INTEGER NOT NULL,
    -- The reconciler: how often order_created was sent again, and when it may be next.
    reemitted   INTEGER NOT NULL DEFAULT 0,
    reemit_at   INTEGER NOT NULL
) STRICT;

-- Pages of one user's orders, newest first: UUIDv7 ids sort by time.
CREATE INDEX orders_by_user ON orders (user_id, id DESC);
-- What the reconciler looks at; orders leave it when they settle.
CREATE INDEX orders_unsettled ON orders (reemit_at) WHERE status = 'NEW';

-- What the shop's data was written under; one row.
CREATE TABLE orders_settings (
    only_row INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    currency TEXT    NOT NULL
) STRICT;
