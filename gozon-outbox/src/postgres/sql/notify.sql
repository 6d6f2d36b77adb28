-- $1 what to say. The channel is that of channel.sql.
SELECT pg_notify('gozon_outbox_' || 'gozon_outbox'::regclass::oid, $1)
