-- How the order was settled, as JSON: written by the statement that settles it.
-- NULL while it is NEW, and for what an older version settled.
ALTER TABLE orders ADD COLUMN journey text;
