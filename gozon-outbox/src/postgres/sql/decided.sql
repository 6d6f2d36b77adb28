-- $1 after which number, $2 rows at most. Asked every second.
SELECT number, seq, key
FROM gozon_outbox_decisions
WHERE number > $1
ORDER BY number
LIMIT $2
