-- Locked in the order of ids, like every other set of marks.
WITH mine AS MATERIALIZED (
    SELECT message_id
    FROM gozon_inbox
    WHERE consumer = $1 AND message_id = ANY ($2::uuid[]) AND state = 'trying'
    ORDER BY message_id
    FOR UPDATE
)
UPDATE gozon_inbox AS inbox
SET state = 'done', changed_at = now()
FROM mine
WHERE inbox.consumer = $1 AND inbox.message_id = mine.message_id
RETURNING inbox.message_id
