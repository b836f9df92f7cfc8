-- What is a flow run made of: the attempt, its execution, the steps of that by own type?
SELECT
    installation.live_generation,
    (
        SELECT
            json_build_object(
                'state', translate(encode(attempt.state, 'base64'), E'\n', ''),
                'execution_state', (
                    SELECT translate(encode(execution.state, 'base64'), E'\n', '')
                    FROM {generation}.executions AS execution
                    WHERE execution.organization_id = %(organization_id)s
                        AND execution.execution_id = attempt.execution_id
                ),
                'own_types', COALESCE(
                    (
                        SELECT json_agg(json_build_array(node_id, node_type, steps))
                        FROM {generation}.node_tallies AS tally
                        WHERE tally.organization_id = %(organization_id)s
                            AND tally.execution_id = attempt.execution_id
                            AND steps > 0
                    ),
                    '[]'::json
                )
            )::text
        FROM {generation}.attempts AS attempt
        WHERE attempt.organization_id = %(organization_id)s
            AND attempt.attempt_id = %(attempt_id)s
            AND attempt.kind <> 'sms'
    ) AS run
FROM callfold.installation
