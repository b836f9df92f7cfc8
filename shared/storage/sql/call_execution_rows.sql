-- Part of the call executions' queries: of each call in `page` its state and its execution's row.
SELECT
    json_agg(
        json_build_array(
            call.attempt_id,
            translate(encode(call.state, 'base64'), E'\n', ''),
            CASE WHEN execution.execution_id IS NOT NULL THEN json_build_array(
                execution.program_id, execution.flow_id, execution.agent_id,
                execution.batch_id, execution.status, execution.first_us, execution.last_us
            ) END
        )
        ORDER BY call.started_us DESC, call.number DESC
    )
FROM page
-- One look-up a key: the planner cannot know how short the page is.
CROSS JOIN LATERAL (
    SELECT *
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s AND attempt_id = page.attempt_id
    LIMIT 1
) AS call
LEFT JOIN LATERAL (
    SELECT *
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s AND execution_id = call.execution_id
    LIMIT 1
) AS execution ON true
WHERE call.kind = 'call'
