SELECT count(*) FILTER (WHERE state = 'retry' AND next_at < 9223372036854775807) AS retry,
       count(*) FILTER (WHERE state = 'retry' AND next_at = 9223372036854775807) AS held,
       count(*) FILTER (WHERE state = 'dead') AS dead
FROM gozon_inbox
WHERE state IN ('retry', 'dead')
