-- With the lines locked. Answers with all whose line is occupied; those which
-- are known already keep their place and their outcome.
WITH arrived AS (
    SELECT id, line, attributes, data, place
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[]) WITH ORDINALITY
        AS arrived (id, line, attributes, data, place)
    WHERE EXISTS (
        SELECT 1 FROM gozon_inbox_lines AS standing
        WHERE standing.consumer = $1 AND standing.line = arrived.line
    )
), kept AS (
    INSERT INTO gozon_inbox AS inbox
        (consumer, message_id, state, next_at, reason, attributes, data)
    SELECT $1, id, 'retry', 'infinity', $6, attributes, data
    FROM arrived
    ORDER BY id
    ON CONFLICT (consumer, message_id) DO UPDATE
    SET state = 'retry', next_at = 'infinity', changed_at = now(),
        reason = excluded.reason, attributes = excluded.attributes, data = excluded.data
    WHERE inbox.state = 'trying'
    RETURNING message_id
), lined AS (
    INSERT INTO gozon_inbox_lines (consumer, line, position, message_id)
    SELECT $1, arrived.line,
           (
               SELECT max(position) FROM gozon_inbox_lines AS standing
               WHERE standing.consumer = $1 AND standing.line = arrived.line
           ) + row_number() OVER (PARTITION BY arrived.line ORDER BY arrived.place),
           arrived.id
    FROM arrived JOIN kept ON kept.message_id = arrived.id
)
SELECT id FROM arrived
