-- ?1 JSON array of [partition, epoch], ?2 owner: takes the rows behind every held
-- or dead one out of the ready set, so that reading does not walk through them.
UPDATE gozon_outbox AS o
SET state = 'held'
WHERE state = 'ready'
  AND partition IN (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
  )
  AND EXISTS (
    SELECT 1
    FROM gozon_outbox AS h
    WHERE h.partition = o.partition
      AND h.key = o.key
      AND h.seq < o.seq
      AND h.state IN ('held', 'dead')
  )
