-- One row per order, for ever: what was decided about its money.
CREATE TABLE payments (
    order_id   uuid        PRIMARY KEY,
    user_id    text        NOT NULL CONSTRAINT payments_user_id_length CHECK (length(user_id) BETWEEN 1 AND 64),
    amount     bigint      NOT NULL CONSTRAINT payments_amount_positive CHECK (amount > 0),
    outcome    text        NOT NULL CONSTRAINT payments_outcome_known CHECK (outcome IN ('PAID', 'REFUSED')),
    reason     text        CONSTRAINT payments_reason_of_refused CHECK ((reason IS NOT NULL) = (outcome = 'REFUSED')),
    decided_at timestamptz NOT NULL
);
