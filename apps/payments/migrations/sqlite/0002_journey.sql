-- When the order that was decided was handed to the broker, and when it came
-- here: for its journey. Microseconds since 1970, UTC. Unknown for what was decided before, and for
-- what an older version decides beside this one.
ALTER TABLE payments ADD COLUMN published_at INTEGER;
ALTER TABLE payments ADD COLUMN received_at INTEGER;
