SELECT line
FROM unnest($2::uuid[]) AS line
WHERE EXISTS (
    SELECT 1 FROM gozon_inbox_lines AS standing
    WHERE standing.consumer = $1 AND standing.line = line
)
