-- How many rows of execution_mentions are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, sum(subjects) AS subjects
    FROM (
        SELECT organization_id, execution_id, 1 AS subjects
        FROM (
            SELECT organization_id, contribution FROM {generation}.attempts
            UNION ALL SELECT organization_id, contribution FROM {generation}.contacts
            UNION ALL SELECT organization_id, contribution FROM {generation}.flows
            UNION ALL SELECT organization_id, contribution FROM {generation}.attributes
        ) AS subject,
        json_array_elements_text((contribution::json) -> 'mentions') AS execution_id
    ) AS said
    GROUP BY organization_id, execution_id
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.execution_mentions AS t USING (organization_id, execution_id)
WHERE coalesce(c.subjects, 0) <> coalesce(t.subjects, 0);
