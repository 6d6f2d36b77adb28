-- Asked before a claim, by a reader: a claim takes the one writer's lock even
-- when there is nothing to claim.
SELECT EXISTS (
    SELECT 1
    FROM gozon_inbox
    WHERE consumer = ?1 AND state = 'retry' AND next_at <= ?2
)
