-- $1 keys, $2 their partitions. Three arms, so that each finds its partial index.
SELECT key FROM gozon_outbox
WHERE state = 'ready' AND partition = ANY($2::int4[]) AND key IN (SELECT unnest($1::text[]))
UNION
SELECT key FROM gozon_outbox
WHERE state IN ('held', 'dead') AND partition = ANY($2::int4[]) AND key IN (SELECT unnest($1::text[]))
UNION
SELECT key FROM gozon_outbox
WHERE state = 'delayed' AND key IN (SELECT unnest($1::text[]))
