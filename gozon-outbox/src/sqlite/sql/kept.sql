-- ?1 partitions. The first held or dead row of every key, and every one without a key.
WITH heads AS (
    SELECT min(seq) AS seq
    FROM gozon_outbox
    WHERE partition IN (SELECT value FROM json_each(?1))
      AND state IN ('held', 'dead')
      AND key IS NOT NULL
    GROUP BY partition, key
)
SELECT o.seq, o.partition, o.key, o.kind, o.state, o.attempts,
    max(0, coalesce(o.retry_at - CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER), 0)) AS retry_us
FROM gozon_outbox AS o
WHERE o.state IN ('held', 'dead')
  AND o.partition IN (SELECT value FROM json_each(?1))
  AND (o.key IS NULL OR o.seq IN (SELECT seq FROM heads))
