-- Whoever has no outcome yet stays.
DELETE FROM gozon_inbox_lines AS place
WHERE place.consumer = $1 AND place.message_id = $2
  AND NOT EXISTS (
      SELECT 1 FROM gozon_inbox AS inbox
      WHERE inbox.consumer = $1 AND inbox.message_id = $2
        AND inbox.state IN ('retry', 'dead')
  )
