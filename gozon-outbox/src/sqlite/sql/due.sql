-- ?1 JSON array of [partition, epoch], ?2 owner, ?3 rows at most.
SELECT o.seq, o.key
FROM gozon_outbox AS o
WHERE o.state = 'delayed'
  AND o.due_at <= CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)
  AND o.partition IN (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
  )
ORDER BY o.due_at, o.seq
LIMIT ?3
