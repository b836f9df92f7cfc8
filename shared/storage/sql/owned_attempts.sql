-- Part of lists of attempts, newest first: those of one program, flow, agent or batch. An attempt
-- is its owner's where its own events say so, or say nothing and the execution's plan does
-- (events.md, section 3). `statement_text` fills in its column, and the conditions on `attempt`.
-- Whoever includes this, WITH RECURSIVE, has `total` in `matching` and then sorts and cuts
-- `owned_attempts`: an index gives the newest of each execution, so that nothing else is read.
owned_executions AS MATERIALIZED (
    SELECT execution_id
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s AND {owner} = %(owner_id)s
),
-- Further executions in which attempts name the owner themselves: one look-up for each.
naming_executions AS MATERIALIZED (
    WITH RECURSIVE naming AS (
        SELECT ''::text COLLATE "C" AS execution_id
        UNION ALL
        SELECT (
            SELECT attempt.execution_id
            FROM {generation}.attempts AS attempt
            WHERE attempt.organization_id = %(organization_id)s
                AND attempt.{owner} = %(owner_id)s
                AND attempt.execution_id > naming.execution_id
            ORDER BY attempt.execution_id
            LIMIT 1
        )
        FROM naming
        WHERE naming.execution_id IS NOT NULL
    )
    SELECT execution_id
    FROM naming
    WHERE execution_id <> '' AND execution_id NOT IN (SELECT execution_id FROM owned_executions)
),
-- A page beyond the end is not looked for.
needed AS MATERIALIZED (
    SELECT CASE
            WHEN %(skip)s::bigint < total THEN %(skip)s::bigint + %(limit)s::bigint + 1 ELSE 0
        END AS items
    FROM matching
),
owned_attempts AS (
    SELECT newest.*
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT attempt.attempt_id, attempt.started_us, attempt.number
        FROM {generation}.attempts AS attempt
        WHERE attempt.organization_id = %(organization_id)s
            AND attempt.execution_id = owned_executions.execution_id
            AND attempt.kind = 'call'
            AND (attempt.{owner} = %(owner_id)s OR attempt.{owner} IS NULL)
            AND {asked}
        ORDER BY attempt.started_us DESC, attempt.number DESC
        LIMIT (SELECT items FROM needed)
    ) AS newest
    UNION ALL
    -- Beside calls a list has lone SMS or runs, or neither.
    SELECT newest.*
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT attempt.attempt_id, attempt.started_us, attempt.number
        FROM {generation}.attempts AS attempt
        WHERE attempt.organization_id = %(organization_id)s
            AND attempt.execution_id = owned_executions.execution_id
            AND attempt.kind <> 'call'
            AND attempt.kind = %(beside_calls)s
            AND (attempt.{owner} = %(owner_id)s OR attempt.{owner} IS NULL)
            AND {asked}
        ORDER BY attempt.started_us DESC, attempt.number DESC
        LIMIT (SELECT items FROM needed)
    ) AS newest
    UNION ALL
    SELECT newest.*
    FROM naming_executions
    CROSS JOIN LATERAL (
        SELECT attempt.attempt_id, attempt.started_us, attempt.number
        FROM {generation}.attempts AS attempt
        WHERE attempt.organization_id = %(organization_id)s
            AND attempt.{owner} = %(owner_id)s
            AND attempt.execution_id = naming_executions.execution_id
            AND attempt.kind IN ('call', %(beside_calls)s)
            AND {asked}
        ORDER BY attempt.started_us DESC, attempt.number DESC
        LIMIT (SELECT items FROM needed)
    ) AS newest
    UNION ALL
    (
        SELECT attempt.attempt_id, attempt.started_us, attempt.number
        FROM {generation}.attempts AS attempt
        WHERE attempt.organization_id = %(organization_id)s
            AND attempt.{owner} = %(owner_id)s
            AND attempt.execution_id IS NULL
            AND attempt.kind IN ('call', %(beside_calls)s)
            AND {asked}
        ORDER BY attempt.started_us DESC, attempt.number DESC
        LIMIT (SELECT items FROM needed)
    )
)
