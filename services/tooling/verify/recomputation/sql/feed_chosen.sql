-- Add a file of executions whose figures are wanted.
INSERT INTO chosen
SELECT organization_id, execution_id
FROM read_json(
    $path,
    format = 'newline_delimited',
    columns = {organization_id: 'VARCHAR', execution_id: 'VARCHAR'}
);
