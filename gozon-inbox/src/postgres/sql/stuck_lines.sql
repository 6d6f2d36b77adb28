-- Lines whose front has its outcome, or waits for a turn that is its own: the
-- process ended before it could say so. From front to front by the key, because
-- a line may be long.
WITH RECURSIVE fronts AS (
    (
        SELECT line, message_id FROM gozon_inbox_lines
        WHERE consumer = $1
        ORDER BY line, position
        LIMIT 1
    )
    UNION ALL
    SELECT next.line, next.message_id
    FROM fronts, LATERAL (
        SELECT line, message_id FROM gozon_inbox_lines
        WHERE consumer = $1 AND line > fronts.line
        ORDER BY line, position
        LIMIT 1
    ) AS next
)
SELECT fronts.message_id
FROM fronts
LEFT JOIN gozon_inbox AS inbox
    ON inbox.consumer = $1 AND inbox.message_id = fronts.message_id
WHERE inbox.state IS NULL OR inbox.state IN ('trying', 'done')
   OR (inbox.state = 'retry' AND inbox.next_at = 'infinity')
LIMIT $2
