-- In halves: SQLite's sum() fails where the sum is wider than 64 bits.
SELECT asset,
       sum(debits >> 32) AS debits_high, sum(debits & 4294967295) AS debits_low,
       sum(credits >> 32) AS credits_high, sum(credits & 4294967295) AS credits_low
FROM gozon_ledger_accounts
GROUP BY asset
ORDER BY asset
