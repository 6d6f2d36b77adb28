-- When the order that was decided was handed to the broker, and when it came
-- here: for its journey. Unknown for what was decided before, and for
-- what an older version decides beside this one.
ALTER TABLE payments ADD COLUMN published_at timestamptz;
ALTER TABLE payments ADD COLUMN received_at timestamptz;
