-- How often did each node of an execution run, and what was keyed in there?
WITH {report_head},
{published_flow},
inputs AS (
    SELECT
        node_id,
        digits,
        steps,
        sum(steps) OVER (PARTITION BY node_id) AS node_steps,
        row_number() OVER (
            PARTITION BY node_id ORDER BY digits = 'other', steps DESC, digits
        ) AS place
    FROM {generation}.digit_tallies
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND steps > 0
),
calls AS (
    SELECT
        COALESCE(sum(attempts), 0) AS calls,
        COALESCE(sum(flow_completed), 0) AS flow_completed
    FROM {generation}.attempt_tallies
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND kind IN ('call', 'run')
)
SELECT
    head.*,
    (SELECT flow FROM published_flow) AS flow,
    json_build_object(
        'nodes', COALESCE(
            (
                SELECT json_agg(json_build_array(node_id, node_type, unique_calls, steps))
                FROM {generation}.node_tallies
                WHERE organization_id = %(organization_id)s
                    AND execution_id = %(execution_id)s
                    AND steps > 0
            ),
            '[]'::json
        ),
        'digits', COALESCE(
            (
                SELECT json_agg(json_build_array(node_id, digits, steps, node_steps))
                FROM inputs
                WHERE place <= %(inputs_max)s::bigint
            ),
            '[]'::json
        ),
        'calls', calls.calls,
        'flow_completed', calls.flow_completed
    )::text AS rows
FROM head
CROSS JOIN calls
