-- Which calls does an execution have, oldest first: one page, one more, and how many in all?
WITH {report_head},
matching AS (
    SELECT COALESCE(sum(attempts), 0) AS total
    FROM {generation}.attempt_tallies
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND kind = 'call'
),
-- The index alone finds the page; a page beyond the end is not looked for.
page AS MATERIALIZED (
    SELECT started_us, attempt_id
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND kind = 'call'
        AND (started_us, attempt_id) > (%(after_us)s::bigint, %(after_call_id)s::text)
    ORDER BY started_us, attempt_id
    LIMIT CASE
        WHEN %(skip)s::bigint < (SELECT total FROM matching) THEN %(limit)s::bigint + 1 ELSE 0
    END
    OFFSET %(skip)s::bigint
)
{call_page}
