SELECT open.transfer_id
FROM gozon_ledger_open_holds AS open
LEFT JOIN gozon_ledger_transfers AS hold ON hold.id = open.transfer_id AND hold.kind = 'pending'
LEFT JOIN gozon_ledger_transfers AS resolution ON resolution.pending_id = open.transfer_id
WHERE open.transfer_id >= $1
  AND open.transfer_id <= $2
  AND (
      hold.id IS NULL
      OR resolution.id IS NOT NULL
      OR hold.expires_at IS DISTINCT FROM open.expires_at
  )
UNION
SELECT hold.id
FROM gozon_ledger_transfers AS hold
WHERE hold.kind = 'pending'
  AND hold.id >= $1
  AND hold.id <= $2
  AND NOT EXISTS (SELECT 1 FROM gozon_ledger_open_holds AS open WHERE open.transfer_id = hold.id)
  AND NOT EXISTS (SELECT 1 FROM gozon_ledger_transfers AS resolution WHERE resolution.pending_id = hold.id)
ORDER BY 1
