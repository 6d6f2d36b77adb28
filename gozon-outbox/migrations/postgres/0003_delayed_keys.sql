-- Whether a key has a delayed message is asked by key. Only delayed messages pay
-- for the answer. An addition: relays of the version before work beside it.

CREATE INDEX gozon_outbox_delayed_key ON gozon_outbox (key) WHERE state = 'delayed';
