SELECT
    count(*) FILTER (WHERE state <> 'dead') AS pending,
    count(*) FILTER (WHERE state = 'held') AS held,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    (extract(epoch FROM clock_timestamp()
        - min(created_at) FILTER (WHERE state IN ('ready', 'held'))) * 1000000)::int8 AS oldest_us
FROM gozon_outbox
