SELECT count(*) FILTER (WHERE state = 'retry' AND next_at < 'infinity') AS retry,
       count(*) FILTER (WHERE state = 'retry' AND next_at = 'infinity') AS held,
       count(*) FILTER (WHERE state = 'dead') AS dead
FROM gozon_inbox
WHERE state IN ('retry', 'dead')
