-- How many rows of cost_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, node_type, node_id, component,
        sum(charges) AS charges, sum(cost) AS cost, sum(durations) AS durations,
        sum(duration_ms) AS duration_ms
    FROM (
        SELECT organization_id, c ->> 'execution_id' AS execution_id,
            k ->> 0 AS node_type, k ->> 1 AS node_id, k ->> 2 AS component,
            (k ->> 3)::bigint AS charges, (k ->> 4)::numeric * 0.000000001 AS cost,
            (k ->> 5)::bigint AS durations, (k ->> 6)::numeric AS duration_ms
        FROM {generation}.attempts, CAST(contribution AS json) AS c,
            json_array_elements(c -> 'costs') AS k
    ) AS said
    GROUP BY organization_id, execution_id, node_type, node_id, component
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.cost_tallies AS t USING (organization_id, execution_id, node_type,
    node_id, component)
WHERE coalesce(c.charges, 0) <> coalesce(t.charges, 0)
    OR coalesce(c.cost, 0) <> coalesce(t.cost, 0)
    OR coalesce(c.durations, 0) <> coalesce(t.durations, 0)
    OR coalesce(c.duration_ms, 0) <> coalesce(t.duration_ms, 0);
