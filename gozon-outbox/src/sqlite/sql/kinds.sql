SELECT kind, count(*),
    CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) - min(created_at) FILTER (WHERE state IN ('ready', 'held'))
FROM gozon_outbox
WHERE state <> 'dead'
GROUP BY kind
