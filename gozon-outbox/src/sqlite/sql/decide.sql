-- ?1 JSON array of numbers, ?2 who, ?3 why, ?4 decision. Written before the dead
-- letters change, in the same transaction. A discarded message stays here, whole.
INSERT INTO gozon_outbox_decisions
    (decided_at, seq, message_id, partition, attempts, decision, decided_by, reason, key, kind, last_error,
     created_at, attributes, data)
SELECT CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER),
    seq, message_id, partition, attempts, ?4, ?2, ?3, key, kind, last_error, created_at,
    CASE WHEN ?4 = 'discarded' THEN attributes END,
    CASE WHEN ?4 = 'discarded' THEN data END
FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
  AND state = 'dead'
ORDER BY seq
RETURNING seq, partition
