-- Part of each report's query: the live generation, up to when it is folded, and the execution.
head AS (
    SELECT
        installation.live_generation,
        (
            SELECT min(
                CASE
                    WHEN COALESCE(positions.ms, 0) = lanes.ms
                        AND COALESCE(positions.seq, 0) = lanes.seq
                    THEN GREATEST(lanes.vouched_ms, lanes.ms - 1)
                    ELSE COALESCE(positions.ms, 0) - 1
                END
            )
            FROM callfold.lanes
            LEFT JOIN {generation}.positions USING (lane)
        ) AS as_of_ms,
        executions.execution_id IS NOT NULL
            OR COALESCE(execution_mentions.subjects, 0) > 0 AS execution_exists,
        executions.state AS execution_state
    FROM callfold.installation
    LEFT JOIN {generation}.executions
        ON executions.organization_id = %(organization_id)s
        AND executions.execution_id = %(execution_id)s
    LEFT JOIN {generation}.execution_mentions
        ON execution_mentions.organization_id = %(organization_id)s
        AND execution_mentions.execution_id = %(execution_id)s
)
