-- Add a file of events, a JSON object a line.
INSERT INTO entries
SELECT
    arrival, partition, ms, seq, organizationid,
    CASE
        WHEN family IN ('flow', 'attribute', 'execution', 'contact') THEN family ELSE 'attempt'
    END,
    subject, source, id, type, rank, instant_us(time),
    CASE WHEN family = 'execution' THEN subject ELSE executionid END,
    CASE
        WHEN type = 'call.charged'
            THEN (data.amount::DECIMAL(38, 9) * 1000000000::DECIMAL(10, 0))::HUGEINT
    END,
    data."answeredBy", try_cast(data.attempt AS BIGINT), data."audienceId", data.component,
    data."contactId", data.digits, data.direction, try_cast(data."durationMs" AS HUGEINT),
    data.edges, data."flowId", data."flowName", data."flowOutcome",
    try_cast(data."flowVersion" AS BIGINT), data."from", data.name, data."nodeId",
    data."nodeType", data.nodes, data.outcome, data."programId", data.reason,
    data."scheduledStartAt", data."scheduledStopAt", data."startNodeId", data."stepId", data."to",
    try_cast(data.version AS BIGINT)
FROM (
    SELECT *, split_part(type, '.', 1) AS family
    FROM read_json(
        $path,
        format = 'newline_delimited',
        -- An event has a MiB at most; each thread keeps buffers of this size.
        maximum_object_size = 4194304,
        columns = {
            arrival: 'BIGINT', partition: 'INTEGER', ms: 'BIGINT', seq: 'UBIGINT',
            organizationid: 'VARCHAR', subject: 'VARCHAR', source: 'VARCHAR', id: 'VARCHAR',
            type: 'VARCHAR', time: 'VARCHAR', executionid: 'VARCHAR',
            data: 'STRUCT(
                amount VARCHAR, "answeredBy" VARCHAR, attempt VARCHAR, "audienceId" VARCHAR,
                component VARCHAR, "contactId" VARCHAR, digits VARCHAR, direction VARCHAR,
                "durationMs" VARCHAR, edges JSON, "flowId" VARCHAR, "flowName" VARCHAR,
                "flowOutcome" VARCHAR, "flowVersion" VARCHAR, "from" VARCHAR, name VARCHAR,
                "nodeId" VARCHAR, "nodeType" VARCHAR, nodes JSON, outcome VARCHAR,
                "programId" VARCHAR, reason VARCHAR, "scheduledStartAt" VARCHAR,
                "scheduledStopAt" VARCHAR, "startNodeId" VARCHAR, "stepId" VARCHAR, "to" VARCHAR,
                version VARCHAR
            )'
        }
    )
)
JOIN types USING (type);
