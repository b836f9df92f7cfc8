-- What is compared: the chosen executions, and where all were chosen, those that events name too.
INSERT INTO chosen
SELECT organization_id, execution_id
FROM executions
ANTI JOIN chosen USING (organization_id, execution_id)
WHERE $everything AND ($organization_id IS NULL OR organization_id = $organization_id);

CREATE TABLE wanted AS
SELECT organization_id, execution_id
FROM chosen
JOIN executions USING (organization_id, execution_id);
