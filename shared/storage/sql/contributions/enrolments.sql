-- How many rows of enrolments are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, e ->> 0 AS execution_id, e ->> 1 AS contact_id, 1 AS contacts,
        (e ->> 2)::bigint AS status, (e ->> 3)::bigint AS status_us, (e ->> 4)::bigint AS first_us
    FROM {generation}.contacts, json_array_elements((contribution::json) -> 'enrolled') AS e
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.enrolments AS t USING (organization_id, execution_id, contact_id)
WHERE coalesce(c.contacts, 0) <> coalesce(t.contacts, 0)
    OR coalesce(c.status, 0) <> coalesce(t.status, 0)
    OR coalesce(c.status_us, 0) <> coalesce(t.status_us, 0)
    OR coalesce(c.first_us, 0) <> coalesce(t.first_us, 0);
