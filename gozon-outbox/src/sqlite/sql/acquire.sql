-- ?1 member, ?2 term in microseconds, ?3 leases at most, ?4 whether every other
-- member is certainly gone.
UPDATE gozon_outbox_leases
SET owner = ?1, epoch = epoch + 1, until = CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + ?2
WHERE partition IN (
    SELECT partition
    FROM gozon_outbox_leases
    WHERE owner IS NULL OR until <= CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) OR (?4 AND owner <> ?1)
    ORDER BY partition
    LIMIT ?3
)
RETURNING partition, epoch
