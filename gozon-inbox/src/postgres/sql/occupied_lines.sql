-- By the full names: a bare `line` in there would be that of the table, so that one
-- occupied line answered for all.
SELECT wanted.line
FROM unnest($2::uuid[]) AS wanted (line)
WHERE EXISTS (
    SELECT 1 FROM gozon_inbox_lines AS standing
    WHERE standing.consumer = $1 AND standing.line = wanted.line
)
