-- Which contacts of an execution have one of these statuses?
SELECT contact_id AS subject, 1 AS amount, count(*) OVER () AS subjects, count(*) OVER () AS total
FROM
    {generation}.contacts,
    json_array_elements(contribution::json -> 'enrolments') AS enrolment
WHERE organization_id = %(organization_id)s
    AND enrolment ->> 0 = %(execution_id)s
    AND (%(statuses)s::text[] IS NULL OR enrolment ->> 1 = ANY(%(statuses)s::text[]))
ORDER BY contact_id
LIMIT %(limit)s::bigint
