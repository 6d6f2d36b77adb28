SELECT count(*) FROM gozon_outbox_leases
WHERE owner IS NULL OR until <= clock_timestamp()
