-- ?1 before which number, ?2 message, ?3 rows at most. Newest first.
SELECT number, decided_at, seq, message_id, attempts, decision, decided_by, reason, key, kind, last_error
FROM gozon_outbox_decisions
WHERE number < ?1
  AND (?2 IS NULL OR message_id = ?2)
ORDER BY number DESC
LIMIT ?3
