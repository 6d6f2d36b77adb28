SELECT unhex(value) AS line
FROM json_each(?2)
WHERE EXISTS (
    SELECT 1 FROM gozon_inbox_lines
    WHERE consumer = ?1 AND line = unhex(value)
)
