-- ?1 member.
SELECT count(*), count(*) FILTER (WHERE id < ?1) FROM gozon_outbox_members
