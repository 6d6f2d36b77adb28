DELETE FROM gozon_outbox_members WHERE id = ?1
