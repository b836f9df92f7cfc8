-- Which figures differ, of organizations whose events are all there?
SELECT organization_id, execution_id, figure, expected, served
FROM differences
ANTI JOIN lacking USING (organization_id)
ORDER BY organization_id, execution_id, figure
LIMIT $limit;
