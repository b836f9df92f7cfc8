-- Add a file of what states remember: subjects with the entries that they were folded from.
INSERT INTO journals
SELECT kind, organization_id, subject, partition, positions
FROM read_json(
    $path,
    format = 'newline_delimited',
    columns = {
        kind: 'VARCHAR', organization_id: 'VARCHAR', subject: 'VARCHAR', partition: 'INTEGER',
        positions: 'UBIGINT[][]'
    }
);
