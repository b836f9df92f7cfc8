-- How often each node ran, and what was keyed in there (reports.md, Node stats).
CREATE TABLE runs AS
SELECT
    wanted.organization_id,
    wanted.execution_id,
    count(attempt_id) AS calls,
    count(*) FILTER (flow_outcome = 'completed') AS completed
FROM wanted
LEFT JOIN attempts
    ON attempts.organization_id = wanted.organization_id
    AND attempts.execution_id = wanted.execution_id
    AND family IN ('call', 'run')
GROUP BY wanted.organization_id, wanted.execution_id;

INSERT INTO expected
UNPIVOT (
    SELECT
        organization_id,
        execution_id,
        calls::VARCHAR AS "nodeStats.totalCalls",
        completed::VARCHAR AS "nodeStats.completedCalls",
        percentage(completed, calls) AS "nodeStats.completionRate"
    FROM runs
) ON COLUMNS(* EXCLUDE (organization_id, execution_id)) INTO NAME figure VALUE value;

CREATE TABLE inputs AS
WITH counted AS (
    SELECT
        organization_id,
        execution_id,
        node_id,
        -- Account numbers and PINs are not shown.
        CASE WHEN length(digits) <= 4 THEN digits ELSE 'other' END AS digits,
        count(*) AS steps
    FROM steps
    JOIN nodes USING (organization_id, execution_id, node_id)
    WHERE node_type = 'dtmf' AND digits IS NOT NULL
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY organization_id, execution_id, node_id
            ORDER BY digits = 'other', steps DESC, digits
        ) AS place
    FROM counted
),
listed AS (
    SELECT
        organization_id,
        execution_id,
        node_id,
        CASE WHEN place <= 50 THEN digits ELSE 'other' END AS digits,
        sum(steps) AS steps,
        min(place) AS place
    FROM ranked
    GROUP BY ALL
)
SELECT
    *,
    sum(steps) OVER (PARTITION BY organization_id, execution_id, node_id) AS of_node
FROM listed;

INSERT INTO expected
WITH visits AS (
    SELECT
        organization_id, execution_id, node_id,
        count(DISTINCT attempt_id) AS attempts, count(*) AS steps
    FROM steps
    GROUP BY organization_id, execution_id, node_id
),
breakdowns AS (
    SELECT organization_id, execution_id, node_id, count(*) AS inputs
    FROM inputs
    GROUP BY organization_id, execution_id, node_id
),
stats AS (
    UNPIVOT (
        SELECT
            organization_id,
            execution_id,
            node_id,
            place::VARCHAR AS "place",
            node_type AS "nodeType",
            label AS "nodeLabel",
            coalesce(attempts, 0)::VARCHAR AS "uniqueCalls",
            coalesce(steps, 0)::VARCHAR AS "totalExecutions",
            percentage(coalesce(attempts, 0), calls) AS "percentage",
            -- Empty where nothing was received, absent of other types.
            CASE WHEN node_type = 'dtmf' THEN coalesce(inputs, 0)::VARCHAR END AS "dtmfInputs"
        FROM nodes
        JOIN runs USING (organization_id, execution_id)
        LEFT JOIN visits USING (organization_id, execution_id, node_id)
        LEFT JOIN breakdowns USING (organization_id, execution_id, node_id)
    ) ON COLUMNS(* EXCLUDE (organization_id, execution_id, node_id)) INTO NAME figure VALUE value
)
SELECT organization_id, execution_id, 'nodes.' || node_id || '.' || figure, value
FROM stats;

INSERT INTO expected
WITH shown AS (
    UNPIVOT (
        SELECT
            organization_id,
            execution_id,
            'nodes.' || node_id || '.dtmfBreakdown.' || digits AS path,
            place::VARCHAR AS "place",
            steps::VARCHAR AS "steps",
            percentage(steps, of_node) AS "percentage"
        FROM inputs
    ) ON COLUMNS(* EXCLUDE (organization_id, execution_id, path)) INTO NAME figure VALUE value
)
SELECT organization_id, execution_id, path || '.' || figure, value
FROM shown;
