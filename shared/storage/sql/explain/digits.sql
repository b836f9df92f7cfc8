-- In which attempts were these digits, or all others, keyed in at a node, and how often each?
WITH adding AS (
    SELECT attempt_id AS subject, started_us, sum((input ->> 2)::numeric) AS amount
    FROM
        {generation}.attempts,
        CAST(contribution AS json) AS c,
        json_array_elements(c -> 'digits') AS input
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND c ->> 'execution_id' = %(execution_id)s
        AND input ->> 0 = %(node_id)s
        AND (%(inputs)s::text[] IS NULL OR input ->> 1 = ANY(%(inputs)s::text[]))
        AND input ->> 1 <> ALL(%(but)s::text[])
    GROUP BY attempt_id, started_us
)
SELECT subject, amount, count(*) OVER () AS subjects, sum(amount) OVER () AS total
FROM adding
WHERE amount <> 0
ORDER BY started_us, subject
LIMIT %(limit)s::bigint
