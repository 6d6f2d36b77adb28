-- ?1 member, ?2 term in microseconds.
INSERT INTO gozon_outbox_members (id, until)
VALUES (?1, CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + ?2)
ON CONFLICT (id) DO UPDATE SET until = excluded.until
