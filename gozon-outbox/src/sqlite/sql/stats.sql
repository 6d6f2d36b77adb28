-- Each count reads a partial index alone, not the rows: they carry payloads.
-- The oldest is the lowest number that is not dead or delayed.
SELECT ready + kept - dead + delayed AS pending, kept - dead AS held, dead, (
    SELECT CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) - created_at
    FROM gozon_outbox
    WHERE state IN ('ready', 'held')
    ORDER BY seq
    LIMIT 1
) AS oldest_us
FROM (SELECT count(*) AS ready FROM gozon_outbox WHERE state = 'ready')
CROSS JOIN (SELECT count(*) AS kept FROM gozon_outbox WHERE state IN ('held', 'dead'))
CROSS JOIN (SELECT count(*) AS dead FROM gozon_outbox WHERE state = 'dead')
CROSS JOIN (SELECT count(*) AS delayed FROM gozon_outbox WHERE state = 'delayed')
