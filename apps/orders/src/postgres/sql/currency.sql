SELECT currency FROM orders_settings
