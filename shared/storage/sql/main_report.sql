-- How does an execution stand: its contacts by status, its calls by history status, its cost?
WITH {report_head},
{published_flow},
attempts AS (
    SELECT kind, status, attempts, flow_completed, billable, cost
    FROM {generation}.attempt_tallies
    WHERE organization_id = %(organization_id)s AND execution_id = %(execution_id)s
),
calls AS (
    SELECT status, sum(attempts) AS calls, sum(flow_completed) AS flow_completed
    FROM attempts
    WHERE kind = 'call' AND attempts > 0
    GROUP BY status
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
        'calls', COALESCE(
            (SELECT json_agg(json_build_array(status, calls, flow_completed)) FROM calls),
            '[]'::json
        ),
        'cost', (SELECT COALESCE(sum(cost), 0) FROM attempts),
        'billable', (SELECT COALESCE(sum(billable), 0) FROM attempts)
    )::text AS rows
FROM head
