-- ?1 JSON array of [partition, epoch], ?2 owner, ?3 keys to leave out,
-- ?4 sequence numbers to leave out, ?5 rows per partition, ?6 rows per key,
-- ?7 rows in all, ?8 bytes of payload in all. One index scan per owned partition;
-- the epoch is checked in the same snapshot. A row behind a held or dead one of
-- its key waits. Bodies are fetched last.
WITH owned AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN json_each(?1) AS mine
        ON l.partition = mine.value ->> 0 AND l.epoch = mine.value ->> 1
    WHERE l.owner = ?2
),
candidates AS (
    SELECT o.seq, o.key, length(o.data) AS bytes, row_number() OVER (PARTITION BY o.key ORDER BY o.seq) AS place
    FROM owned
    JOIN gozon_outbox AS o ON o.seq IN (
        SELECT i.seq
        FROM gozon_outbox AS i
        WHERE i.partition = owned.partition
          AND i.state = 'ready'
          AND (i.key IS NULL OR i.key NOT IN (SELECT value FROM json_each(?3)))
          AND i.seq NOT IN (SELECT value FROM json_each(?4))
          AND NOT EXISTS (
            SELECT 1
            FROM gozon_outbox AS h
            WHERE h.partition = i.partition
              AND h.key = i.key
              AND h.seq < i.seq
              AND h.state IN ('held', 'dead')
          )
        ORDER BY i.seq
        LIMIT ?5
    )
),
found AS MATERIALIZED (
    SELECT seq, bytes FROM candidates WHERE key IS NULL OR place <= ?6 ORDER BY seq LIMIT ?7
),
picked AS MATERIALIZED (
    SELECT seq
    FROM (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS before FROM found)
    WHERE before < ?8
)
SELECT o.seq, o.partition, o.state, o.key, o.kind, o.attempts, o.attributes, o.data
FROM picked
JOIN gozon_outbox AS o ON o.seq = picked.seq
ORDER BY o.seq
