-- $1 member, $2 term in microseconds, $3 leases at most, $4 whether every other
-- member is certainly gone.
WITH free AS MATERIALIZED (
    SELECT partition
    FROM gozon_outbox_leases
    WHERE owner IS NULL OR until <= clock_timestamp() OR ($4 AND owner <> $1)
    ORDER BY partition
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE gozon_outbox_leases AS l
SET owner = $1, epoch = l.epoch + 1, until = clock_timestamp() + $2 * interval '1 microsecond'
FROM free
WHERE l.partition = free.partition
RETURNING l.partition, l.epoch
