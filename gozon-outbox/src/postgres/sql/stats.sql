-- Each count reads a partial index alone, not the rows: they carry payloads.
-- The oldest is the lowest number that is not dead or delayed.
SELECT ready + kept - dead + delayed AS pending, kept - dead AS held, dead, oldest_us
FROM (SELECT count(*) AS ready FROM gozon_outbox WHERE state = 'ready') AS r
CROSS JOIN (SELECT count(*) AS kept FROM gozon_outbox WHERE state IN ('held', 'dead')) AS k
CROSS JOIN (SELECT count(*) AS dead FROM gozon_outbox WHERE state = 'dead') AS d
CROSS JOIN (SELECT count(*) AS delayed FROM gozon_outbox WHERE state = 'delayed') AS l
LEFT JOIN (
    SELECT (extract(epoch FROM clock_timestamp() - created_at) * 1000000)::int8 AS oldest_us
    FROM gozon_outbox
    WHERE state IN ('ready', 'held')
    ORDER BY seq
    LIMIT 1
) AS o ON true
