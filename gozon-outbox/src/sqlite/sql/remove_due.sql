-- ?1 due rows, ?2 partitions whose leases stand.
DELETE FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
  AND state = 'delayed'
  AND partition IN (SELECT value FROM json_each(?2))
