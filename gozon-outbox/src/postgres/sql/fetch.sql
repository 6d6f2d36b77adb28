SELECT seq, partition, state, key, kind, attempts, attributes, data
FROM gozon_outbox
WHERE seq = ANY($1::int8[])
ORDER BY seq
