-- A dead one is only looked at: its payload, which the broker may have refused
-- for its size, stays where it is.
SELECT seq, partition, state, key, kind, attempts, attributes,
    CASE WHEN state = 'dead' THEN x'' ELSE data END AS data
FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
ORDER BY seq
