-- $1 partitions. The first held or dead row of every key, and every one without a key.
WITH heads AS (
    SELECT DISTINCT ON (partition, key) seq
    FROM gozon_outbox
    WHERE partition = ANY($1::int4[]) AND state IN ('held', 'dead') AND key IS NOT NULL
    ORDER BY partition, key, seq
)
SELECT o.seq, o.partition, o.key, o.kind, o.state, o.attempts,
    greatest(0, extract(epoch FROM o.retry_at - clock_timestamp()) * 1000000)::int8 AS retry_us
FROM gozon_outbox AS o
WHERE o.state IN ('held', 'dead')
  AND o.partition = ANY($1::int4[])
  AND (o.key IS NULL OR o.seq IN (SELECT seq FROM heads))
