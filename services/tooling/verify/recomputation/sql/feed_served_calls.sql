-- Add a file of served rows of the call history.
INSERT INTO served_calls
SELECT
    organization_id, execution_id, "callId", place, "contactId", "from", "to", direction, attempt,
    status, outcome, "startedAt", "endedAt", "durationMs", "totalCost"
FROM read_json(
    $path,
    format = 'newline_delimited',
    columns = {
        organization_id: 'VARCHAR', execution_id: 'VARCHAR', "callId": 'VARCHAR', place: 'BIGINT',
        "contactId": 'VARCHAR', "from": 'VARCHAR', "to": 'VARCHAR', direction: 'VARCHAR',
        attempt: 'VARCHAR', status: 'VARCHAR', outcome: 'VARCHAR', "startedAt": 'VARCHAR',
        "endedAt": 'VARCHAR', "durationMs": 'VARCHAR', "totalCost": 'VARCHAR'
    }
);
