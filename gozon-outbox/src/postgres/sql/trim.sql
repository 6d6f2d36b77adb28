-- $1 age in microseconds, $2 rows at most.
DELETE FROM gozon_outbox_archive
WHERE seq = ANY(ARRAY(
    SELECT seq
    FROM gozon_outbox_archive
    WHERE published_at < clock_timestamp() - $1 * interval '1 microsecond'
    ORDER BY published_at
    LIMIT $2
))
