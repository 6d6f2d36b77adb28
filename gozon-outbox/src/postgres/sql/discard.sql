-- $1 numbers of dead letters, $2 who, $3 why. The message stays, whole, with the
-- decision. The lock comes before the decision's number is drawn, see append.sql.
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(1735360111, -1)),
discarded AS (
    DELETE FROM gozon_outbox
    WHERE seq = ANY($1::int8[])
      AND state = 'dead'
      AND (SELECT count(*) FROM locked) >= 0
    RETURNING seq, message_id, partition, attempts, key, kind, last_error, created_at, attributes, data
)
INSERT INTO gozon_outbox_decisions
    (seq, message_id, partition, attempts, decision, decided_by, reason, key, kind, last_error, created_at,
     attributes, data)
SELECT seq, message_id, partition, attempts, 'discarded', $2, $3, key, kind, last_error, created_at,
    attributes, data
FROM discarded
ORDER BY seq
RETURNING seq, partition
