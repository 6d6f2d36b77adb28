-- ?1 keys, ?2 the partition of each, ?3 ready rows to look at per partition.
--
-- Held, dead and delayed ones by one step through their index each. The ready
-- ones have no index by key, which every message would pay for at its append:
-- for the keys that are left, one walk over the first rows of their partitions.
-- Where that does not reach the end, every key counts as pending.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT k.value AS key, p.value AS partition
    FROM json_each(?1) AS k
    JOIN json_each(?2) AS p ON p.key = k.key
),
kept AS MATERIALIZED (
    SELECT key
    FROM asked
    WHERE EXISTS (
        SELECT 1
        FROM gozon_outbox AS h
        WHERE h.partition = asked.partition AND h.key = asked.key AND h.state IN ('held', 'dead')
    )
    OR EXISTS (SELECT 1 FROM gozon_outbox AS d WHERE d.key = asked.key AND d.state = 'delayed')
),
rest AS MATERIALIZED (
    SELECT key, partition FROM asked WHERE key NOT IN (SELECT key FROM kept)
),
walked AS MATERIALIZED (
    SELECT o.partition, o.key
    FROM (SELECT DISTINCT partition FROM rest) AS p
    JOIN gozon_outbox AS o ON o.seq IN (
        SELECT r.seq
        FROM gozon_outbox AS r
        WHERE r.partition = p.partition AND r.state = 'ready'
        ORDER BY r.seq
        LIMIT ?3
    )
)
SELECT key FROM kept
UNION ALL
SELECT key
FROM rest
WHERE key IN (SELECT key FROM walked)
   OR partition IN (SELECT partition FROM walked GROUP BY partition HAVING count(*) >= ?3)
