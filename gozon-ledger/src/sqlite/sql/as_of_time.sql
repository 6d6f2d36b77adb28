-- The newest entry that is not later. Times rise with versions, so the primary
-- key answers it by halves, in about as many look-ups as the account's version
-- has binary digits; an index on times would cost every posting. No version: an
-- entry on the way is missing. CROSS keeps the planner from reading all.
WITH RECURSIVE search (low, high) AS (
    SELECT 0, version
    FROM gozon_ledger_accounts
    WHERE id = ?1
    UNION ALL
    SELECT CASE WHEN middle.recorded_at <= ?2 THEN middle.version ELSE search.low END,
           CASE WHEN middle.recorded_at <= ?2 THEN search.high ELSE middle.version - 1 END
    FROM search
    CROSS JOIN gozon_ledger_entries AS middle
    WHERE search.low < search.high
      AND middle.account_id = ?1
      AND middle.version = (search.low + search.high + 1) / 2
)
SELECT account.opened_at, found.low AS version, entry.balance, entry.recorded_at
FROM gozon_ledger_accounts AS account
LEFT JOIN search AS found ON found.low = found.high
LEFT JOIN gozon_ledger_entries AS entry ON entry.account_id = account.id AND entry.version = found.low
WHERE account.id = ?1
  AND account.opened_at <= ?2
