-- Published flows: their versions, the nodes in graph order, and which version an execution uses.
CREATE TABLE flow_versions AS
SELECT
    versions.* EXCLUDE (arrival), events.name, events.nodes, events.edges, events.start_node_id
FROM (
    SELECT
        organization_id, subject AS flow_id, version, min(time_us) AS published_us,
        arg_max(arrival, place) AS arrival
    FROM events
    WHERE type = 'flow.published'
    GROUP BY organization_id, subject, version
) AS versions
JOIN events USING (organization_id, arrival);

-- The version said, else the highest published by the start, else the lowest (A node's type).
CREATE TABLE flows_in_use AS
SELECT
    executions.organization_id,
    execution_id,
    flow_id,
    coalesce(
        any_value(flow_version),
        max(version) FILTER (published_us <= executions.started_us),
        min(version)
    ) AS version
FROM executions
JOIN flow_versions USING (organization_id, flow_id)
GROUP BY executions.organization_id, execution_id, flow_id;

CREATE TABLE flow_nodes AS
SELECT
    organization_id, flow_id, version, i,
    node ->> '$.id' AS node_id, node ->> '$.type' AS node_type, node ->> '$.label' AS label
FROM (
    SELECT
        organization_id, flow_id, version, i, json_extract(nodes, '$[' || i || ']') AS node
    FROM (
        SELECT *, unnest(range(json_array_length(nodes)::BIGINT)) AS i FROM flow_versions
    )
)
QUALIFY row_number() OVER (
    PARTITION BY organization_id, flow_id, version, node_id ORDER BY i
) = 1;

CREATE TABLE flow_edges AS
SELECT
    organization_id, flow_id, version, i,
    edge ->> '$.source' AS source, edge ->> '$.target' AS target
FROM (
    SELECT
        organization_id, flow_id, version, i, json_extract(edges, '$[' || i || ']') AS edge
    FROM (
        SELECT *, unnest(range(json_array_length(edges)::BIGINT)) AS i FROM flow_versions
    )
);

-- Breadth first: a node's place is its least way from the start, edge by edge as published; what
-- is not reached follows as published.
CREATE TABLE nodes_in_order AS
WITH RECURSIVE reached (organization_id, flow_id, version, node_id, way)
USING KEY (organization_id, flow_id, version, node_id) AS (
    SELECT
        organization_id, flow_id, version,
        coalesce(
            any_value(node_id) FILTER (node_id = start_node_id), arg_min(node_id, i)
        ),
        []::BIGINT[]
    FROM flow_nodes
    JOIN flow_versions USING (organization_id, flow_id, version)
    GROUP BY organization_id, flow_id, version
    UNION
    SELECT
        edge.organization_id, edge.flow_id, edge.version, edge.target,
        min(list_append(reached.way, edge.i))
    FROM reached
    JOIN flow_edges AS edge
        ON edge.organization_id = reached.organization_id
        AND edge.flow_id = reached.flow_id
        AND edge.version = reached.version
        AND edge.source = reached.node_id
    WHERE NOT EXISTS (
        SELECT 1
        FROM recurring.reached AS known
        WHERE known.organization_id = edge.organization_id
            AND known.flow_id = edge.flow_id
            AND known.version = edge.version
            AND known.node_id = edge.target
    )
    GROUP BY edge.organization_id, edge.flow_id, edge.version, edge.target
)
SELECT
    flow_nodes.*,
    row_number() OVER (
        PARTITION BY organization_id, flow_id, version
        ORDER BY way IS NULL, len(way), way, i
    ) AS place
FROM flow_nodes
LEFT JOIN reached USING (organization_id, flow_id, version, node_id);
