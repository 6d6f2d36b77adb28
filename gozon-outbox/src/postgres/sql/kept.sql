-- Arrays, one entry per partition: $1 partition, $2 whether its keys are done,
-- $3 after which key, $4 after which number without a key. $5 rows per partition.
--
-- The first held or dead row of every key, then every one without a key. From
-- key to key through the index: 200,000 rows behind one key cost one step. Also
-- where every key is NULL the order names it: only this index has that order, and
-- the primary key leads the planner through the rows of other partitions.
SELECT o.seq, o.partition, o.key, o.kind, o.state, o.attempts,
    greatest(0, extract(epoch FROM o.retry_at - clock_timestamp()) * 1000000)::int8 AS retry_us
FROM unnest($1::int4[], $2::bool[], $3::text[], $4::int8[]) AS f (partition, keys_done, key, seq)
CROSS JOIN LATERAL (
    WITH RECURSIVE heads AS (
        (
            (
                SELECT h.key, h.seq
                FROM gozon_outbox AS h
                WHERE h.state IN ('held', 'dead')
                  AND h.partition = f.partition
                  AND h.key IS NOT NULL
                  AND f.key IS NULL
                  AND NOT f.keys_done
                ORDER BY h.key, h.seq
                LIMIT 1
            )
            UNION ALL
            (
                SELECT h.key, h.seq
                FROM gozon_outbox AS h
                WHERE h.state IN ('held', 'dead') AND h.partition = f.partition AND h.key > f.key
                ORDER BY h.key, h.seq
                LIMIT 1
            )
        )
        UNION ALL
        SELECT n.key, n.seq
        FROM heads
        CROSS JOIN LATERAL (
            SELECT h.key, h.seq
            FROM gozon_outbox AS h
            WHERE h.state IN ('held', 'dead') AND h.partition = f.partition AND h.key > heads.key
            ORDER BY h.key, h.seq
            LIMIT 1
        ) AS n
    )
    SELECT found.seq
    FROM (
        (SELECT key, seq FROM heads LIMIT $5)
        UNION ALL
        (
            SELECT h.key, h.seq
            FROM gozon_outbox AS h
            WHERE h.state IN ('held', 'dead')
              AND h.partition = f.partition
              AND h.key IS NULL
              AND h.seq > f.seq
            ORDER BY h.key, h.seq
            LIMIT $5
        )
    ) AS found
    ORDER BY found.key NULLS LAST, found.seq
    LIMIT $5
) AS page
JOIN gozon_outbox AS o ON o.seq = page.seq
ORDER BY o.partition, o.key NULLS LAST, o.seq
