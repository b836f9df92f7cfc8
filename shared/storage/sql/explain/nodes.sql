-- Which attempts ran these nodes, and how much does each add to a figure of them?
WITH adding AS (
    SELECT attempt_id AS subject, started_us, sum((node ->> %(place)s::int)::numeric) AS amount
    FROM
        {generation}.attempts,
        CAST(contribution AS json) AS c,
        json_array_elements(c -> 'nodes') AS node
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND c ->> 'execution_id' = %(execution_id)s
        AND node ->> 0 = ANY(%(node_ids)s::text[])
    GROUP BY attempt_id, started_us
)
SELECT subject, amount, count(*) OVER () AS subjects, sum(amount) OVER () AS total
FROM adding
WHERE amount <> 0
ORDER BY started_us, subject
LIMIT %(limit)s::bigint
