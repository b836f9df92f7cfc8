-- Which runs does a flow have, newest first: one page, and how many in all? With what decides
-- which version each of them used.
WITH RECURSIVE {owned_matching},
{owned_attempts},
page AS MATERIALIZED (
    SELECT attempt_id
    FROM owned_attempts
    ORDER BY started_us DESC, number DESC
    LIMIT %(limit)s::bigint
    OFFSET %(skip)s::bigint
),
versions AS (
    SELECT json_agg(
        json_build_array(
            version, published_us, flow::json ->> 'versionId', flow::json ->> 'name'
        )
    ) AS published
    FROM {generation}.flow_versions
    WHERE organization_id = %(organization_id)s AND flow_id = %(owner_id)s
)
SELECT
    installation.live_generation,
    json_build_object(
        'is_known', versions.published IS NOT NULL
            OR EXISTS (SELECT FROM owned_executions)
            OR EXISTS (
                SELECT
                FROM {generation}.attempts
                WHERE organization_id = %(organization_id)s AND flow_id = %(owner_id)s
            ),
        'total', matching.total,
        'versions', COALESCE(versions.published, '[]'::json),
        'runs', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        attempt.attempt_id,
                        translate(encode(attempt.state, 'base64'), E'\n', ''),
                        translate(encode(execution.state, 'base64'), E'\n', '')
                    )
                    ORDER BY attempt.started_us DESC, attempt.number DESC
                )
                FROM page
                -- One look-up a key: the planner cannot know how short the page is.
                CROSS JOIN LATERAL (
                    SELECT *
                    FROM {generation}.attempts
                    WHERE organization_id = %(organization_id)s AND attempt_id = page.attempt_id
                    LIMIT 1
                ) AS attempt
                LEFT JOIN LATERAL (
                    SELECT state
                    FROM {generation}.executions
                    WHERE organization_id = %(organization_id)s
                        AND execution_id = attempt.execution_id
                    LIMIT 1
                ) AS execution ON TRUE
            ),
            '[]'::json
        )
    )::text AS page
FROM callfold.installation
CROSS JOIN matching
CROSS JOIN versions
