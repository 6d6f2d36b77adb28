INSERT INTO orders_settings (only_row, currency)
VALUES (true, $1)
ON CONFLICT (only_row) DO NOTHING
