-- As text: the sums may be wider than a bigint.
SELECT asset, sum(debits)::text AS debits, sum(credits)::text AS credits
FROM gozon_ledger_accounts
GROUP BY asset
ORDER BY asset
