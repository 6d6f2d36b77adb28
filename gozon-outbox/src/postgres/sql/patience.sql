-- How long a promotion waits for a stripe, see promote.rs.
SET LOCAL lock_timeout = '2s'
