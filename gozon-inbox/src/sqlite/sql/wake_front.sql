-- Only who waited for its turn: a retry in front keeps its own time.
UPDATE gozon_inbox
SET next_at = ?3, changed_at = ?3
WHERE consumer = ?1 AND state = 'retry' AND next_at = 9223372036854775807
  AND message_id = (
      SELECT message_id FROM gozon_inbox_lines
      WHERE consumer = ?1 AND line = ?2
      ORDER BY position
      LIMIT 1
  )
