-- Which generation is live, and up to when is it folded? The answer is followed by our own
-- notification, which arrives after those of all commits that this statement has seen.
SELECT
    installation.live_generation,
    {as_of} AS as_of_ms,
    pg_notify(%(channel)s::text, %(number)s::bigint::text)
FROM callfold.installation
