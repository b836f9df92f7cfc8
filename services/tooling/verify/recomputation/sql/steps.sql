-- Each step of the wanted executions' attempts, and the type of each node (events.md, step).
CREATE TABLE steps AS
SELECT
    attempts.organization_id,
    attempts.execution_id,
    attempt_id,
    max_by(events.node_id, place) AS node_id,
    max_by(node_type, place) FILTER (type IN ('node.entered', 'node.exited')) AS own_type,
    max_by(digits, place) FILTER (type = 'dtmf.received' AND digits <> '') AS digits,
    CASE
        WHEN bool_or(type = 'node.exited') THEN greatest(
            max(time_us) FILTER (type = 'node.exited')
            - coalesce(min(time_us) FILTER (type = 'node.entered'), min(time_us)),
            0
        ) // 1000
    END AS duration_ms
FROM events
JOIN attempts
    ON attempts.organization_id = events.organization_id AND attempts.attempt_id = events.subject
JOIN wanted
    ON wanted.organization_id = attempts.organization_id
    AND wanted.execution_id = attempts.execution_id
WHERE type IN ('node.entered', 'node.exited', 'dtmf.received')
GROUP BY attempts.organization_id, attempts.execution_id, attempt_id, step_id;

CREATE TABLE nodes AS
WITH published AS (
    SELECT
        wanted.organization_id, wanted.execution_id, node_id, node_type, label,
        nodes_in_order.place
    FROM wanted
    JOIN flows_in_use USING (organization_id, execution_id)
    JOIN nodes_in_order USING (organization_id, flow_id, version)
),
said AS (
    SELECT organization_id, execution_id, node_id, own_type, count(*) AS said
    FROM steps
    GROUP BY organization_id, execution_id, node_id, own_type
),
seen AS (
    SELECT
        organization_id, execution_id, node_id,
        -- What most steps say, at a tie the smaller name.
        arg_min(own_type, (-said, own_type)) FILTER (own_type IS NOT NULL) AS own_type
    FROM said
    GROUP BY organization_id, execution_id, node_id
)
SELECT
    organization_id,
    execution_id,
    node_id,
    coalesce(node_type, own_type, 'unknown') AS node_type,
    label,
    row_number() OVER (
        PARTITION BY organization_id, execution_id ORDER BY place NULLS LAST, node_id
    ) AS place
FROM published
FULL JOIN seen USING (organization_id, execution_id, node_id);
