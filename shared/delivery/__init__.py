"""How events travel: publishing to Redis streams, reading a lane, trimming behind the cursor."""
