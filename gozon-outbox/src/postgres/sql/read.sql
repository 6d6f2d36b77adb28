-- $1 partitions, $2 their epochs, $3 owner, $4 keys to leave out, $5 sequence
-- numbers to leave out, $6 rows per partition, $7 rows per key, $8 rows in all,
-- $9 bytes of payload in all.
--
-- One index scan per owned partition: a plain `partition = ANY(..) ORDER BY seq`
-- walks through other owners' rows. So does a plain `partition = ..` with ORDER BY
-- seq, as soon as the statistics know nearly one partition alone: then the planner
-- follows the primary key, sure to find the first rows at once, and finds none
-- (3,200 ms beside 500,000 foreign rows, 0.15 ms as it stands here). Behind an
-- equality it ignores `ORDER BY partition`; behind BETWEEN it does not, and only
-- the index on both has that order. The epoch is checked in the same snapshot,
-- because an owner that lost its lease does not know which keys are held.
-- NOT IN over a sub-select, not `<> ALL`, is hashed also in a generic plan.
-- A row behind a held or dead one of its key waits. The LIMIT keeps that question
-- one index probe per row, where an anti-join might hash all that is held; `<>`
-- tells the planner that nearly every row passes. With IS NULL it expects one in
-- two hundred, reads whole partitions and sorts them (400 ms instead of 10 ms).
-- Bodies are fetched last, for the rows that are returned.
WITH found AS MATERIALIZED (
    SELECT r.seq, r.bytes
    FROM unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
    JOIN gozon_outbox_leases AS l
        ON l.partition = mine.partition AND l.epoch = mine.epoch AND l.owner = $3
    CROSS JOIN LATERAL (
        SELECT x.seq, x.key, x.bytes, row_number() OVER (PARTITION BY x.key ORDER BY x.seq) AS place
        FROM (
            SELECT o.seq, o.key, octet_length(o.data) AS bytes
            FROM gozon_outbox AS o
            WHERE o.partition BETWEEN l.partition AND l.partition
              AND o.state = 'ready'
              AND (o.key IS NULL OR o.key NOT IN (SELECT unnest($4::text[])))
              AND o.seq NOT IN (SELECT unnest($5::int8[]))
              AND coalesce((
                SELECT 1
                FROM gozon_outbox AS h
                WHERE h.partition = o.partition
                  AND h.key = o.key
                  AND h.seq < o.seq
                  AND h.state IN ('held', 'dead')
                LIMIT 1
              ), 0) <> 1
            ORDER BY o.partition, o.seq
            LIMIT $6
        ) AS x
    ) AS r
    WHERE r.key IS NULL OR r.place <= $7
    ORDER BY r.seq
    LIMIT $8
),
picked AS MATERIALIZED (
    SELECT f.seq
    FROM (SELECT seq, sum(bytes) OVER (ORDER BY seq) - bytes AS before FROM found) AS f
    WHERE f.before < $9
)
SELECT body.*
FROM picked
CROSS JOIN LATERAL (
    SELECT o.seq, o.partition, o.state, o.key, o.kind, o.attempts, o.attributes, o.data
    FROM gozon_outbox AS o
    WHERE o.seq = picked.seq
    OFFSET 0
) AS body
ORDER BY body.seq
