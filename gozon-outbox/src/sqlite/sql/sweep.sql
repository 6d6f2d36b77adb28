-- ?1 JSON array of [partition, epoch], ?2 owner, ?3 held keys: takes their rows
-- out of the ready set, so that reading does not walk through them.
UPDATE gozon_outbox
SET state = 'held'
WHERE state = 'ready'
  AND partition IN (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
  )
  AND key IN (SELECT value FROM json_each(?3))
