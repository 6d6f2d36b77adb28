SELECT kind, count(*),
    (extract(epoch FROM clock_timestamp()
        - min(created_at) FILTER (WHERE state IN ('ready', 'held'))) * 1000000)::int8
FROM gozon_outbox
WHERE state <> 'dead'
GROUP BY kind
