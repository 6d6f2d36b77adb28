-- With discard.sql in one transaction: the message moves into the record.
INSERT INTO gozon_inbox_decisions
    (consumer, message_id, decision, decided_at, decided_by, why,
     attempts, malformed, received_at, died_at, reason, attributes, data)
SELECT consumer, message_id, 'discarded', ?5, ?3, ?4,
       attempts, malformed, received_at, changed_at, reason, attributes, data
FROM gozon_inbox
WHERE consumer = ?1 AND message_id = ?2 AND state = 'dead'
