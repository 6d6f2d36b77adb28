-- ?1 JSON array of [partition, epoch], ?2 owner.
UPDATE gozon_outbox_leases
SET owner = NULL, until = NULL
WHERE partition IN (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
)
