-- Which subjects do not hold what the log says?
SELECT
    what, kind, organization_id, subject, events,
    entry[1] || '/' || entry[2] || '-' || entry[3] AS entry,
    count(*) OVER () AS differing
FROM state_differences
ORDER BY what, organization_id, kind, subject
LIMIT $limit;
