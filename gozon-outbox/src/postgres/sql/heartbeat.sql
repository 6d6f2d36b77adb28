-- $1 member, $2 term in microseconds, $3 whether every other member is certainly gone.
WITH gone AS (
    DELETE FROM gozon_outbox_members
    WHERE id <> $1 AND ($3 OR until <= clock_timestamp())
),
alive AS (
    INSERT INTO gozon_outbox_members (id, until)
    VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond')
    ON CONFLICT (id) DO UPDATE SET until = excluded.until
)
SELECT 1 + count(*), count(*) FILTER (WHERE id < $1) FROM gozon_outbox_members
WHERE id <> $1 AND NOT $3 AND until > clock_timestamp()
