-- How many rows of node_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, node_id, node_type,
        sum(unique_calls) AS unique_calls, sum(steps) AS steps, sum(durations) AS durations,
        sum(duration_ms) AS duration_ms
    FROM (
        SELECT organization_id, c ->> 'execution_id' AS execution_id,
            n ->> 0 AS node_id, n ->> 1 AS node_type, (n ->> 2)::bigint AS unique_calls,
            (n ->> 3)::bigint AS steps, (n ->> 4)::bigint AS durations,
            (n ->> 5)::numeric AS duration_ms
        FROM {generation}.attempts, CAST(contribution AS json) AS c,
            json_array_elements(c -> 'nodes') AS n
    ) AS said
    GROUP BY organization_id, execution_id, node_id, node_type
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.node_tallies AS t USING (organization_id, execution_id, node_id, node_type)
WHERE coalesce(c.unique_calls, 0) <> coalesce(t.unique_calls, 0)
    OR coalesce(c.steps, 0) <> coalesce(t.steps, 0)
    OR coalesce(c.durations, 0) <> coalesce(t.durations, 0)
    OR coalesce(c.duration_ms, 0) <> coalesce(t.duration_ms, 0);
