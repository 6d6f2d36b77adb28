WITH gone AS (DELETE FROM gozon_outbox_members WHERE id = $1)
UPDATE gozon_outbox_leases SET owner = NULL, until = NULL WHERE owner = $1
