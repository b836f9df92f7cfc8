-- Which attempts were charged under these node types, nodes and components, and how much each?
WITH adding AS (
    SELECT attempt_id AS subject, started_us, sum((charge ->> %(place)s::int)::numeric) AS amount
    FROM
        {generation}.attempts,
        CAST(contribution AS json) AS c,
        json_array_elements(c -> 'costs') AS charge
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND c ->> 'execution_id' = %(execution_id)s
        AND EXISTS (
            SELECT
            FROM unnest(
                %(node_types)s::text[], %(node_ids)s::text[], %(components)s::text[]
            ) AS charged (node_type, node_id, component)
            WHERE charge ->> 0 = node_type
                AND charge ->> 1 = node_id
                AND charge ->> 2 = component
        )
    GROUP BY attempt_id, started_us
)
SELECT subject, amount, count(*) OVER () AS subjects, sum(amount) OVER () AS total
FROM adding
WHERE amount <> 0
ORDER BY started_us, subject
LIMIT %(limit)s::bigint
