-- How many rows of contact_tallies are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, execution_id, status, sum(contacts) AS contacts
    FROM (
        SELECT organization_id, e ->> 0 AS execution_id, e ->> 1 AS status, 1 AS contacts
        FROM {generation}.contacts, json_array_elements((contribution::json) -> 'enrolments') AS e
    ) AS said
    GROUP BY organization_id, execution_id, status
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.contact_tallies AS t USING (organization_id, execution_id, status)
WHERE coalesce(c.contacts, 0) <> coalesce(t.contacts, 0);
