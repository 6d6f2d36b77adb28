SELECT seq, partition, state, key, kind, attempts, attributes, data
FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
ORDER BY seq
