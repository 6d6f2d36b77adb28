SELECT count(*) FROM gozon_outbox_members
