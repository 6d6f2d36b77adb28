-- Lines are changed by one transaction at a time. Striped, because thousands of
-- distinct locks would exhaust shared memory; in the order of the array, which
-- is sorted, so that nobody waits for each other.
SELECT pg_advisory_xact_lock(1735356521, stripe) FROM unnest($1::int4[]) AS stripes (stripe)
