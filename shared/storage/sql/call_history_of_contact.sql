-- Which calls of one contact does an execution have, paged as in `call_history.sql`?
WITH {report_head},
matching AS (
    SELECT count(*) AS total
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND kind = 'call'
        AND contact_id = %(contact_id)s
        AND (%(status)s::text IS NULL OR status = %(status)s::text)
),
page AS MATERIALIZED (
    SELECT started_us, attempt_id
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND kind = 'call'
        AND contact_id = %(contact_id)s
        AND (%(status)s::text IS NULL OR status = %(status)s::text)
        -- With the contact in it, only the index by contact can begin at this place.
        AND (contact_id, started_us, attempt_id)
            > (%(contact_id)s, %(after_us)s::bigint, %(after_call_id)s::text)
    ORDER BY started_us, attempt_id
    LIMIT CASE
        WHEN %(skip)s::bigint < (SELECT total FROM matching) THEN %(limit)s::bigint + 1 ELSE 0
    END
    OFFSET %(skip)s::bigint
)
{call_page}
