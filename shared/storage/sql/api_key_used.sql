-- Notes that a key was used, at most once in so many seconds over all processes.
UPDATE callfold.api_keys
SET last_used_at = now()
WHERE key_id = %(key_id)s
    AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => %(noted_s)s::float))
RETURNING key_id
