SELECT count(*) FROM gozon_outbox_leases
WHERE owner IS NULL OR until <= CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)
