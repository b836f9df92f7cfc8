-- One more stretch of the log that cannot be read.
INSERT INTO unreadable VALUES ($partition, $first_ms, $first_seq, $last_ms, $last_seq);
