SELECT count(*) FILTER (WHERE state = 'retry') AS retry,
       count(*) FILTER (WHERE state = 'dead') AS dead
FROM gozon_inbox
WHERE state IN ('retry', 'dead')
