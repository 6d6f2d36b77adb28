-- ?1 age in microseconds, ?2 rows at most.
DELETE FROM gozon_outbox_archive
WHERE seq IN (
    SELECT seq
    FROM gozon_outbox_archive
    WHERE published_at < CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) - ?1
    ORDER BY published_at
    LIMIT ?2
)
