-- How did the calls of an execution end, by attempt number?
WITH {report_head}
SELECT
    head.*,
    NULL::text AS flow,
    COALESCE(
        (
            SELECT json_agg(
                json_build_array(attempt, status, attempts, flow_completed, durations, duration_ms)
                ORDER BY attempt
            )
            FROM {generation}.attempt_tallies
            WHERE organization_id = %(organization_id)s
                AND execution_id = %(execution_id)s
                AND kind = 'call'
                AND attempts > 0
        ),
        '[]'::json
    )::text AS rows
FROM head
