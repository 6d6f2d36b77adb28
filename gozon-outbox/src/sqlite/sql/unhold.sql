-- ?1 keys that flow again, ?2 partitions whose leases stand. Dead letters stay.
UPDATE gozon_outbox
SET state = 'ready', retry_at = NULL
WHERE state = 'held'
  AND partition IN (SELECT value FROM json_each(?2))
  AND key IN (SELECT value FROM json_each(?1))
