-- $1 a stripe, see append.sql.
SELECT pg_advisory_xact_lock(1735360111, $1)
