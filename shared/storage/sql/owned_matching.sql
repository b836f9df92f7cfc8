-- Part of lists of calls and runs: how many of one flow, agent or batch are asked for? No lone SMS
-- names any of these. `owned_attempts.sql` says whose an attempt is, and finds the executions.
matching AS (
    SELECT
        CASE
            WHEN %(is_filtered)s::boolean THEN (
                SELECT count(*)
                FROM {generation}.attempts AS attempt
                WHERE attempt.organization_id = %(organization_id)s
                    AND attempt.{owner} = %(owner_id)s
                    AND {asked}
            ) + (
                SELECT count(*)
                FROM owned_executions
                CROSS JOIN LATERAL (
                    SELECT
                    FROM {generation}.attempts AS attempt
                    WHERE attempt.organization_id = %(organization_id)s
                        AND attempt.execution_id = owned_executions.execution_id
                        AND attempt.kind = 'call'
                        AND attempt.{owner} IS NULL
                        AND {asked}
                    UNION ALL
                    SELECT
                    FROM {generation}.attempts AS attempt
                    WHERE attempt.organization_id = %(organization_id)s
                        AND attempt.execution_id = owned_executions.execution_id
                        AND attempt.kind <> 'call'
                        AND attempt.kind = %(beside_calls)s
                        AND attempt.{owner} IS NULL
                        AND {asked}
                    -- A fence: the index must be entered by the execution.
                    OFFSET 0
                ) AS unsaid
            )
            -- Tallies and the owner's index know it without the rows.
            ELSE (
                SELECT count(*)
                FROM {generation}.attempts
                WHERE organization_id = %(organization_id)s AND {owner} = %(owner_id)s
            ) + (
                SELECT COALESCE(sum(runs.tallied - runs.naming), 0)
                FROM owned_executions
                CROSS JOIN LATERAL (
                    SELECT
                        (
                            SELECT COALESCE(sum(attempts), 0)
                            FROM {generation}.attempt_tallies
                            WHERE organization_id = %(organization_id)s
                                AND execution_id = owned_executions.execution_id
                                AND kind IN ('call', %(beside_calls)s)
                        ) AS tallied,
                        (
                            SELECT count(*)
                            FROM {generation}.attempts
                            WHERE organization_id = %(organization_id)s
                                AND execution_id = owned_executions.execution_id
                                AND {owner} IS NOT NULL
                        ) AS naming
                ) AS runs
            )
        END AS total
)
