-- ?1 member, ?2 whether every other member is certainly gone.
DELETE FROM gozon_outbox_members
WHERE id <> ?1 AND (?2 OR until <= CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER))
