-- With replay.sql in one transaction. Attempts are not set back: they tell a
-- late holder from the present one. The record says how many of them no longer
-- count, see claim_due.sql.
INSERT INTO gozon_inbox_decisions
    (consumer, message_id, decision, decided_at, decided_by, why,
     attempts, malformed, received_at, died_at, reason)
SELECT consumer, message_id, 'replayed', ?5, ?3, ?4,
       attempts, malformed, received_at, changed_at, reason
FROM gozon_inbox
WHERE consumer = ?1 AND message_id = ?2 AND state = 'dead' AND malformed = 0
