-- $1 keys, $2 the partition of each, $3 ready rows to look at per partition.
--
-- Held and dead ones by one step through their index each: there may be 200,000
-- behind one key; delayed ones by theirs. The ready ones have no index by key,
-- which every message would pay for at its append: for the keys that are left,
-- one walk over the first rows of their partitions. Where that does not reach the
-- end, every key counts as pending. BETWEEN, as in read.sql: an equality lets the
-- planner walk through a backlog of other partitions.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT key, partition
    FROM unnest($1::text[], $2::int4[]) AS a (key, partition)
),
kept AS MATERIALIZED (
    SELECT a.key
    FROM asked AS a
    CROSS JOIN LATERAL (
        (
            SELECT 1
            FROM gozon_outbox AS h
            WHERE h.partition = a.partition AND h.key = a.key AND h.state IN ('held', 'dead')
            LIMIT 1
        )
        UNION ALL
        (
            SELECT 1
            FROM gozon_outbox AS d
            WHERE d.key = a.key AND d.state = 'delayed'
            LIMIT 1
        )
        LIMIT 1
    ) AS found
),
rest AS MATERIALIZED (
    SELECT key, partition FROM asked WHERE key NOT IN (SELECT key FROM kept)
),
walked AS MATERIALIZED (
    SELECT p.partition, w.key
    FROM (SELECT DISTINCT partition FROM rest) AS p
    CROSS JOIN LATERAL (
        SELECT o.key
        FROM gozon_outbox AS o
        WHERE o.partition BETWEEN p.partition AND p.partition AND o.state = 'ready'
        ORDER BY o.partition, o.seq
        LIMIT $3
    ) AS w
)
SELECT key FROM kept
UNION ALL
SELECT key
FROM rest
WHERE key IN (SELECT key FROM walked)
   OR partition IN (SELECT partition FROM walked GROUP BY partition HAVING count(*) >= $3)
