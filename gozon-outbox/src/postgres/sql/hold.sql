-- $1 partitions, $2 epochs, $3 owner; then the failed rows, one array per column.
--
-- FOR SHARE keeps a take-over from the lease until this is committed, so that the
-- new owner, which loads the held keys after it took over, sees it.
WITH lease AS MATERIALIZED (
    SELECT l.partition
    FROM gozon_outbox_leases AS l
    JOIN unnest($1::int4[], $2::int8[]) AS mine (partition, epoch)
        ON l.partition = mine.partition AND l.epoch = mine.epoch
    WHERE l.owner = $3
    ORDER BY l.partition
    FOR SHARE OF l
),
held AS (
    UPDATE gozon_outbox AS o
    SET state = f.state,
        attempts = o.attempts + f.attempts,
        last_error = f.error,
        failed_at = clock_timestamp(),
        retry_at = CASE WHEN f.state = 'held'
            THEN clock_timestamp() + f.retry_us * interval '1 microsecond' END
    FROM unnest($4::int8[], $5::text[], $6::text[], $7::int8[], $8::int4[])
        AS f (seq, state, error, retry_us, attempts)
    WHERE o.seq = f.seq
      AND o.partition IN (SELECT partition FROM lease)
)
SELECT partition FROM lease
