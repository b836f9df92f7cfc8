"""What every HTTP process has at its edge: serving, keys, refusals, metrics of requests."""
