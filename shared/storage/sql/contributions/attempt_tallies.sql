-- How many rows of attempt_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, kind, attempt, status, sum(attempts) AS attempts,
        sum(flow_completed) AS flow_completed, sum(durations) AS durations,
        sum(duration_ms) AS duration_ms, sum(billable) AS billable, sum(cost) AS cost
    FROM (
        SELECT organization_id, c ->> 'execution_id' AS execution_id,
            c -> 'attempt' ->> 0 AS kind, (c -> 'attempt' ->> 1)::bigint AS attempt,
            c -> 'attempt' ->> 2 AS status, 1 AS attempts,
            (c -> 'attempt' ->> 3)::bigint AS flow_completed,
            (c -> 'attempt' ->> 4)::bigint AS durations,
            (c -> 'attempt' ->> 5)::numeric AS duration_ms,
            (c -> 'attempt' ->> 6)::bigint AS billable,
            (c -> 'attempt' ->> 7)::numeric * 0.000000001 AS cost
        FROM {generation}.attempts, CAST(contribution AS json) AS c
        WHERE c -> 'attempt' IS NOT NULL
    ) AS said
    GROUP BY organization_id, execution_id, kind, attempt, status
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.attempt_tallies AS t USING (organization_id, execution_id, kind,
    attempt, status)
WHERE coalesce(c.attempts, 0) <> coalesce(t.attempts, 0)
    OR coalesce(c.flow_completed, 0) <> coalesce(t.flow_completed, 0)
    OR coalesce(c.durations, 0) <> coalesce(t.durations, 0)
    OR coalesce(c.duration_ms, 0) <> coalesce(t.duration_ms, 0)
    OR coalesce(c.billable, 0) <> coalesce(t.billable, 0)
    OR coalesce(c.cost, 0) <> coalesce(t.cost, 0);
