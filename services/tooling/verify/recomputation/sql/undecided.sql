-- Which executions differ of which the log lacks events, so that neither side is proven right?
SELECT
    organization_id, execution_id, count(*) AS figures,
    count(*) OVER () AS executions
FROM differences
SEMI JOIN lacking USING (organization_id)
GROUP BY organization_id, execution_id
ORDER BY organization_id, execution_id
LIMIT $limit;
