-- No epoch: confirmed is confirmed, whoever owns the partition by now.
DELETE FROM gozon_outbox WHERE seq IN (SELECT value FROM json_each(?1))
