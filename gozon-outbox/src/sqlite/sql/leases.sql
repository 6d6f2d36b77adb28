-- Which of these leases (?1 JSON array of [partition, epoch], ?2 owner) stand.
SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
