INSERT INTO orders_settings (currency)
VALUES ($1)
ON CONFLICT (only_row) DO NOTHING
