-- How many rows of item_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, program_id, campaign_status, sum(items) AS items
    FROM (
        SELECT organization_id, coalesce(c ->> 'execution_id', '') AS execution_id,
            c -> 'item' ->> 0 AS program_id,
            c -> 'item' ->> 1 AS campaign_status, 1 AS items
        FROM {generation}.attempts, CAST(contribution AS json) AS c
        WHERE c -> 'item' IS NOT NULL
    ) AS said
    GROUP BY organization_id, execution_id, program_id, campaign_status
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.item_tallies AS t USING (organization_id, execution_id, program_id,
    campaign_status)
WHERE coalesce(c.items, 0) <> coalesce(t.items, 0);
