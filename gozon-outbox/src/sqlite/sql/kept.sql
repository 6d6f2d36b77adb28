-- ?1 partition, ?2 whether its keys are done, ?3 after which key, ?4 after which
-- number without a key, ?5 rows at most.
--
-- The first held or dead row of every key, then every one without a key. From
-- key to key through the index: 200,000 rows behind one key cost one step.
WITH RECURSIVE heads (key) AS (
    SELECT coalesce(
        (
            SELECT key FROM gozon_outbox
            WHERE state IN ('held', 'dead') AND partition = ?1 AND key > ?3
            ORDER BY key
            LIMIT 1
        ),
        (
            SELECT key FROM gozon_outbox
            WHERE state IN ('held', 'dead') AND partition = ?1 AND key IS NOT NULL AND ?3 IS NULL AND NOT ?2
            ORDER BY key
            LIMIT 1
        )
    )
    UNION ALL
    SELECT (
        SELECT h.key FROM gozon_outbox AS h
        WHERE h.state IN ('held', 'dead') AND h.partition = ?1 AND h.key > heads.key
        ORDER BY h.key
        LIMIT 1
    )
    FROM heads
    WHERE heads.key IS NOT NULL
    LIMIT ?5
),
page AS MATERIALIZED (
    SELECT seq
    FROM (
        SELECT heads.key, (
            SELECT h.seq FROM gozon_outbox AS h
            WHERE h.state IN ('held', 'dead') AND h.partition = ?1 AND h.key = heads.key
            ORDER BY h.seq
            LIMIT 1
        ) AS seq
        FROM heads
        WHERE heads.key IS NOT NULL
        UNION ALL
        SELECT key, seq
        FROM (
            SELECT key, seq FROM gozon_outbox
            WHERE state IN ('held', 'dead') AND partition = ?1 AND key IS NULL AND seq > ?4
            ORDER BY seq
            LIMIT ?5
        )
    )
    ORDER BY key NULLS LAST, seq
    LIMIT ?5
)
SELECT o.seq, o.partition, o.key, o.kind, o.state, o.attempts,
    max(0, coalesce(o.retry_at - CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER), 0)) AS retry_us
FROM page
JOIN gozon_outbox AS o ON o.seq = page.seq
ORDER BY o.key NULLS LAST, o.seq
