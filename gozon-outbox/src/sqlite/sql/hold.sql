-- ?1 JSON array of [seq, state, error, retry_us, attempts], ?2 partitions whose leases stand.
UPDATE gozon_outbox
SET state = f.value ->> 1,
    attempts = attempts + (f.value ->> 4),
    last_error = f.value ->> 2,
    failed_at = CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER),
    retry_at = CASE WHEN f.value ->> 1 = 'held'
        THEN CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + (f.value ->> 3) END
FROM json_each(?1) AS f
WHERE gozon_outbox.seq = f.value ->> 0
  AND gozon_outbox.partition IN (SELECT value FROM json_each(?2))
