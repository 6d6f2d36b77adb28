SELECT line FROM gozon_inbox_lines WHERE consumer = $1 AND message_id = $2
