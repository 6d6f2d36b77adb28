-- ?1 keys, ?2 their partitions. Three arms, so that each finds its partial index.
SELECT key FROM gozon_outbox
WHERE state = 'ready'
  AND partition IN (SELECT value FROM json_each(?2))
  AND key IN (SELECT value FROM json_each(?1))
UNION
SELECT key FROM gozon_outbox
WHERE state IN ('held', 'dead')
  AND partition IN (SELECT value FROM json_each(?2))
  AND key IN (SELECT value FROM json_each(?1))
UNION
SELECT key FROM gozon_outbox
WHERE state = 'delayed' AND key IN (SELECT value FROM json_each(?1))
