-- ?1 JSON array of numbers. decide.sql has kept them.
DELETE FROM gozon_outbox
WHERE seq IN (SELECT value FROM json_each(?1))
  AND state = 'dead'
