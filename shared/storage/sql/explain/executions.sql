-- Which executions does an organization have? The first so many by name.
SELECT execution_id
FROM {generation}.execution_mentions
WHERE organization_id = %(organization_id)s AND subjects > 0
ORDER BY execution_id
LIMIT %(limit)s::bigint
