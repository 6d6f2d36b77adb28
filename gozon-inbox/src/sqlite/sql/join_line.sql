-- At the end, unless it has a place.
INSERT INTO gozon_inbox_lines (consumer, line, position, message_id)
SELECT ?1, ?2,
       coalesce((
           SELECT max(position) FROM gozon_inbox_lines
           WHERE consumer = ?1 AND line = ?2
       ), 0) + 1,
       ?3
WHERE true
ON CONFLICT (consumer, message_id) DO NOTHING
