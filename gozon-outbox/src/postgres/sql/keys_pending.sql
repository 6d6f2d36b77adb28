-- $1 keys, $2 the partition of each.
--
-- Held and dead ones by one step through their index each: there may be 200,000
-- behind one key. The ready ones have no index by key, which every message would
-- pay for at its append: for the keys that are left, one walk for all of them.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT key, partition
    FROM unnest($1::text[], $2::int4[]) AS a (key, partition)
),
kept AS MATERIALIZED (
    SELECT a.key
    FROM asked AS a
    CROSS JOIN LATERAL (
        SELECT 1
        FROM gozon_outbox AS h
        WHERE h.partition = a.partition AND h.key = a.key AND h.state IN ('held', 'dead')
        LIMIT 1
    ) AS found
),
rest AS MATERIALIZED (
    SELECT key, partition FROM asked WHERE key NOT IN (SELECT key FROM kept)
)
SELECT key FROM kept
UNION
SELECT key FROM gozon_outbox
WHERE state = 'ready'
  AND partition = ANY(ARRAY(SELECT DISTINCT partition FROM rest))
  AND key IN (SELECT key FROM rest)
UNION
SELECT key FROM gozon_outbox
WHERE state = 'delayed' AND key IN (SELECT key FROM rest)
