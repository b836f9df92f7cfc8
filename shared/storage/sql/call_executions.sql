-- Which calls does an agent or a batch have, newest first: one page, and how many in all?
-- Only `call.initiated` names an agent or a batch, so attempts that name one are calls.
WITH RECURSIVE {owned_matching},
{owned_attempts},
page AS MATERIALIZED (
    SELECT attempt_id
    FROM owned_attempts
    ORDER BY started_us DESC, number DESC
    LIMIT %(limit)s::bigint
    OFFSET %(skip)s::bigint
)
SELECT
    installation.live_generation,
    json_build_object(
        'is_known', EXISTS (SELECT FROM owned_executions) OR EXISTS (
            SELECT
            FROM {generation}.attempts
            WHERE organization_id = %(organization_id)s AND {owner} = %(owner_id)s
        ),
        'total', matching.total,
        'calls', COALESCE(({call_execution_rows}), '[]'::json)
    )::text AS page
FROM callfold.installation
CROSS JOIN matching
