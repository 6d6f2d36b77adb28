SELECT EXISTS (SELECT 1 FROM gozon_inbox_lines WHERE consumer = ?1 AND line = ?2)
