-- Lines whose front has its outcome, or waits for a turn that is its own: the
-- process ended before it could say so. From line to line by the key, because a
-- line may be long.
WITH RECURSIVE lines (line) AS (
    SELECT min(line) FROM gozon_inbox_lines WHERE consumer = ?1
    UNION ALL
    SELECT (
        SELECT min(next.line) FROM gozon_inbox_lines AS next
        WHERE next.consumer = ?1 AND next.line > lines.line
    )
    FROM lines
    WHERE lines.line IS NOT NULL
), fronts (message_id) AS (
    SELECT (
        SELECT place.message_id FROM gozon_inbox_lines AS place
        WHERE place.consumer = ?1 AND place.line = lines.line
        ORDER BY place.position
        LIMIT 1
    )
    FROM lines
    WHERE lines.line IS NOT NULL
)
SELECT fronts.message_id
FROM fronts
LEFT JOIN gozon_inbox AS inbox
    ON inbox.consumer = ?1 AND inbox.message_id = fronts.message_id
WHERE inbox.state IS NULL OR inbox.state IN ('trying', 'done')
   OR (inbox.state = 'retry' AND inbox.next_at = 9223372036854775807)
LIMIT ?2
