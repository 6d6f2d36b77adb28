-- Channels belong to the whole database, and it may hold several outboxes, each
-- in a schema of its own.
SELECT 'gozon_outbox_' || 'gozon_outbox'::regclass::oid
