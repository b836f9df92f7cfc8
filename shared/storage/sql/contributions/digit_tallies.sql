-- How many rows of digit_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, node_id, digits, sum(steps) AS steps
    FROM (
        SELECT organization_id, c ->> 'execution_id' AS execution_id,
            d ->> 0 AS node_id, d ->> 1 AS digits, (d ->> 2)::bigint AS steps
        FROM {generation}.attempts, CAST(contribution AS json) AS c,
            json_array_elements(c -> 'digits') AS d
    ) AS said
    GROUP BY organization_id, execution_id, node_id, digits
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.digit_tallies AS t USING (organization_id, execution_id, node_id, digits)
WHERE coalesce(c.steps, 0) <> coalesce(t.steps, 0);
