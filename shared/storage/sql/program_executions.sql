-- Which executions of an organization are not over, newest first: one page, and how many in all?
WITH active AS (
    SELECT execution_id, first_us
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s
        AND status IN ('scheduled', 'running', 'paused', 'paused_no_credits', 'paused_threshold')
),
page AS MATERIALIZED (
    SELECT execution_id, first_us
    FROM active
    ORDER BY first_us DESC, execution_id DESC
    LIMIT %(limit)s::bigint
    OFFSET %(skip)s::bigint
)
SELECT
    installation.live_generation,
    json_build_object(
        'total', (SELECT count(*) FROM active),
        'executions', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        page.execution_id,
                        translate(encode(execution.state, 'base64'), E'\n', ''),
                        (
                            SELECT json_object_agg(status, contacts)
                            FROM {generation}.contact_tallies AS tally
                            WHERE tally.organization_id = %(organization_id)s
                                AND tally.execution_id = page.execution_id
                                AND contacts > 0
                        )
                    )
                    ORDER BY page.first_us DESC, page.execution_id DESC
                )
                FROM page
                -- One look-up a key: the planner cannot know how short the page is.
                CROSS JOIN LATERAL (
                    SELECT state
                    FROM {generation}.executions
                    WHERE organization_id = %(organization_id)s
                        AND execution_id = page.execution_id
                    LIMIT 1
                ) AS execution
            ),
            '[]'::json
        )
    )::text AS found
FROM callfold.installation
