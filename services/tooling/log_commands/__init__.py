"""`callfold log`: looks into the log of record, takes events out of it, publishes them again."""
