UPDATE gozon_outbox_leases
SET until = CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + ?2
WHERE owner = ?1
RETURNING partition, epoch
