-- What did an execution cost: in all, by what, and which attempts were the dearest?
WITH {report_head},
{published_flow},
sums AS (
    SELECT COALESCE(sum(cost), 0) AS cost, COALESCE(sum(billable), 0) AS billable
    FROM {generation}.attempt_tallies
    WHERE organization_id = %(organization_id)s AND execution_id = %(execution_id)s
),
dearest AS (
    SELECT
        attempt_id,
        contact_id,
        total_cost,
        CASE WHEN kind = 'call' THEN duration_ms END AS duration_ms
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND total_cost > 0
    ORDER BY total_cost DESC, attempt_id
    LIMIT %(top_max)s::bigint
)
SELECT
    head.*,
    (SELECT flow FROM published_flow) AS flow,
    json_build_object(
        'cost', sums.cost,
        'billable', sums.billable,
        'charges', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        node_type, node_id, component, charges, cost, durations, duration_ms
                    )
                )
                FROM {generation}.cost_tallies
                WHERE organization_id = %(organization_id)s
                    AND execution_id = %(execution_id)s
                    AND charges > 0
            ),
            '[]'::json
        ),
        'steps', COALESCE(
            (
                SELECT json_agg(json_build_array(node_id, node_type, steps, durations, duration_ms))
                FROM {generation}.node_tallies
                WHERE organization_id = %(organization_id)s
                    AND execution_id = %(execution_id)s
                    AND steps > 0
            ),
            '[]'::json
        ),
        'top', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(attempt_id, contact_id, total_cost, duration_ms)
                    ORDER BY total_cost DESC, attempt_id
                )
                FROM dearest
            ),
            '[]'::json
        )
    )::text AS rows
FROM head
CROSS JOIN sums
