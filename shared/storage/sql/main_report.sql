-- How does an execution stand: its contacts by status, its calls by history status, its cost?
WITH {report_head},
{published_flow},
attempts AS (
    SELECT
        -- By attempt number too; whoever counts them adds up.
        json_agg(json_build_array(status, attempts, flow_completed))
            FILTER (WHERE kind = 'call' AND attempts > 0) AS calls,
        COALESCE(sum(cost), 0) AS cost,
        COALESCE(sum(billable), 0) AS billable
    FROM {generation}.attempt_tallies
    WHERE organization_id = %(organization_id)s AND execution_id = %(execution_id)s
)
SELECT
    head.*,
    (SELECT flow FROM published_flow) AS flow,
    json_build_object(
        'contacts', COALESCE(
            (
                SELECT json_object_agg(status, contacts)
                FROM {generation}.contact_tallies
                WHERE organization_id = %(organization_id)s
                    AND execution_id = %(execution_id)s
                    AND contacts > 0
            ),
            '{}'::json
        ),
        'calls', COALESCE(attempts.calls, '[]'::json),
        'cost', attempts.cost,
        'billable', attempts.billable
    )::text AS rows
FROM head
CROSS JOIN attempts
