SELECT coalesce(max(number), 0) FROM gozon_outbox_decisions
