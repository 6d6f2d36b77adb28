-- $1 numbers of dead letters, $2 who, $3 why.
--
-- Held, never ready: the relay that owns the partition knows the key as held, and
-- releases its followers after the message was confirmed. One made ready could
-- be overtaken by a follower that is released in the same moment.
-- The lock comes before the decision's number is drawn, see append.sql.
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(1735360111, -1)),
replayed AS (
    UPDATE gozon_outbox
    SET state = 'held', retry_at = clock_timestamp()
    WHERE seq = ANY($1::int8[])
      AND state = 'dead'
      AND (SELECT count(*) FROM locked) >= 0
    RETURNING seq, message_id, partition, attempts, key, kind, last_error, created_at
)
INSERT INTO gozon_outbox_decisions
    (seq, message_id, partition, attempts, decision, decided_by, reason, key, kind, last_error, created_at)
SELECT seq, message_id, partition, attempts, 'replayed', $2, $3, key, kind, last_error, created_at
FROM replayed
ORDER BY seq
RETURNING seq, partition
