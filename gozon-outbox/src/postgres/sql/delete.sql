-- No epoch: confirmed is confirmed, whoever owns the partition by now.
DELETE FROM gozon_outbox WHERE seq = ANY($1::int8[])
