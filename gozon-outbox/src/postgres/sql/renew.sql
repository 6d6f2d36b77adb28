UPDATE gozon_outbox_leases
SET until = clock_timestamp() + $2 * interval '1 microsecond'
WHERE owner = $1
RETURNING partition, epoch
