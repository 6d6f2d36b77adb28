UPDATE gozon_outbox_leases SET owner = NULL, until = NULL WHERE owner = ?1
