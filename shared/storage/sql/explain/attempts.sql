-- Which attempts add to a figure of an execution's attempt tallies, and how much each?
WITH said AS (
    SELECT attempt_id AS subject, started_us, c -> 'attempt' AS tally
    FROM {generation}.attempts, CAST(contribution AS json) AS c
    WHERE organization_id = %(organization_id)s
        AND execution_id = %(execution_id)s
        AND c ->> 'execution_id' = %(execution_id)s
        AND (%(attempt_id)s::text IS NULL OR attempt_id = %(attempt_id)s::text)
),
adding AS (
    SELECT
        subject,
        started_us,
        -- Without a place the attempt itself is counted.
        CASE WHEN %(place)s::int IS NULL THEN 1 ELSE (tally ->> %(place)s::int)::numeric END
            AS amount
    FROM said
    WHERE tally ->> 0 = ANY(%(kinds)s::text[])
        AND (%(number)s::bigint IS NULL OR (tally ->> 1)::bigint = %(number)s::bigint)
        AND (%(statuses)s::text[] IS NULL OR tally ->> 2 = ANY(%(statuses)s::text[]))
)
SELECT subject, amount, count(*) OVER () AS subjects, sum(amount) OVER () AS total
FROM adding
WHERE amount <> 0
ORDER BY started_us, subject
LIMIT %(limit)s::bigint
