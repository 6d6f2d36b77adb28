-- $1 after which number, $2 kind, $3 key, $4 rows at most.
SELECT seq, message_id, key, kind, attempts, last_error, octet_length(data)::int8 AS bytes,
    (extract(epoch FROM clock_timestamp() - created_at) * 1000000)::int8 AS age_us,
    (extract(epoch FROM clock_timestamp() - failed_at) * 1000000)::int8 AS dead_us
FROM gozon_outbox
WHERE state = 'dead'
  AND seq > $1
  AND ($2::text IS NULL OR kind = $2)
  AND ($3::text IS NULL OR key = $3)
ORDER BY seq
LIMIT $4
