SELECT
    count(*) FILTER (WHERE state <> 'dead') AS pending,
    count(*) FILTER (WHERE state = 'held') AS held,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)
        - min(created_at) FILTER (WHERE state IN ('ready', 'held')) AS oldest_us
FROM gozon_outbox
