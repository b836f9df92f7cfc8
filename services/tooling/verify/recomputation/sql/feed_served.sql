-- Add a file of served figures.
INSERT INTO served
SELECT organization_id, execution_id, figure, value
FROM read_json(
    $path,
    format = 'newline_delimited',
    columns = {
        organization_id: 'VARCHAR', execution_id: 'VARCHAR', figure: 'VARCHAR', value: 'VARCHAR'
    }
);
