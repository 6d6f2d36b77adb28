-- The key is said: a missing INTEGER PRIMARY KEY would be numbered, not defaulted.
INSERT INTO orders_settings (only_row, currency)
VALUES (1, ?1)
ON CONFLICT (only_row) DO NOTHING
