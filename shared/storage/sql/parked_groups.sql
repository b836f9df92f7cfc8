-- What is parked, by reason, origin and what is wrong: a detail without its variable parts?
WITH shaped AS (
    SELECT
        COALESCE(resolution, 'open') AS standing,
        reason,
        organization_id,
        source,
        event_type,
        regexp_replace(
            regexp_replace(
                regexp_replace(detail, '''[^'']*''', '''…''', 'g'), '"[^"]*"', '"…"', 'g'
            ),
            '[0-9]+', 'N', 'g'
        ) AS shape,
        entries,
        first_ms,
        last_ms,
        CASE WHEN lane < 0 THEN 'inbox' ELSE lane::text END
            || '-' || left(encode(digest, 'hex'), 16) AS id
    FROM callfold.parked_events
    WHERE (%(with_resolved)s::boolean OR resolved_at IS NULL)
        AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
        AND (%(organization_id)s::text IS NULL OR organization_id = %(organization_id)s::text)
        AND (%(source)s::text IS NULL OR source = %(source)s::text)
        AND last_ms >= %(since_ms)s::bigint
)
SELECT
    standing,
    reason,
    organization_id,
    source,
    event_type,
    shape,
    count(*) AS events,
    sum(entries)::bigint AS entries,
    min(first_ms) AS first_ms,
    max(last_ms) AS last_ms,
    min(id) AS sample
FROM shaped
GROUP BY standing, reason, organization_id, source, event_type, shape
ORDER BY entries DESC, sample
