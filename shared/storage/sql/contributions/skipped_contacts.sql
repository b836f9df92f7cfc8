-- How many rows of skipped_contacts are not the sum of what the subjects contribute? (0 is right)
WITH contributed AS (
    SELECT organization_id, e ->> 0 AS execution_id, e ->> 1 AS contact_id, 1 AS contacts,
        (e ->> 3)::bigint AS status_us
    FROM {generation}.contacts, json_array_elements((contribution::json) -> 'enrolled') AS e
    WHERE (e ->> 2)::bigint = 6 -- its index into CONTACT_STATUSES
)
SELECT count(*)
FROM contributed AS c
FULL JOIN {generation}.skipped_contacts AS t USING (organization_id, execution_id, contact_id)
WHERE coalesce(c.contacts, 0) <> coalesce(t.contacts, 0)
    OR coalesce(c.status_us, 0) <> coalesce(t.status_us, 0);
