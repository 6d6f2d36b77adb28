CREATE TABLE orders (
    id          uuid        PRIMARY KEY,
    user_id     text        NOT NULL CONSTRAINT orders_user_id_length CHECK (length(user_id) BETWEEN 1 AND 64),
    amount      bigint      NOT NULL CONSTRAINT orders_amount_range CHECK (amount BETWEEN 1 AND 1000000000000),
    currency    text        NOT NULL CONSTRAINT orders_currency_code CHECK (length(currency) = 3),
    description text        NOT NULL CONSTRAINT orders_description_length CHECK (length(description) BETWEEN 1 AND 255),
    status      text        NOT NULL CONSTRAINT orders_status_known CHECK (status IN ('NEW', 'FINISHED', 'CANCELLED')),
    reason      text        CONSTRAINT orders_reason_of_cancelled CHECK ((reason IS NOT NULL) = (status = 'CANCELLED')),
    version     bigint      NOT NULL CONSTRAINT orders_version_positive CHECK (version >= 1),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    -- The reconciler: how often order_created was sent again, and when it may be next.
    reemitted   integer     NOT NULL DEFAULT 0,
    reemit_at   timestamptz NOT NULL
) WITH (fillfactor = 80); -- room for the one update that every order gets

-- Pages of one user's orders, newest first: UUIDv7 ids sort by time.
CREATE INDEX orders_by_user ON orders (user_id, id DESC);
-- What the reconciler looks at; orders leave it when they settle.
CREATE INDEX orders_unsettled ON orders (reemit_at) WHERE status = 'NEW';

-- What the shop's data was written under; one row.
CREATE TABLE orders_settings (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    currency text    NOT NULL
);
