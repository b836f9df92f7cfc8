-- What an execution cost: in all, by node type, and the dearest attempts (reports.md, Billing).
INSERT INTO expected
SELECT
    organization_id, execution_id, replace(figure, 'billingMetrics.', 'billing.summary.'), value
FROM expected
WHERE figure LIKE 'billingMetrics.%';

INSERT INTO expected
WITH charges AS (
    SELECT
        attempts.organization_id,
        attempts.execution_id,
        coalesce(
            events.node_type, nullif(nodes.node_type, 'unknown'), events.component, 'other'
        ) AS node_type,
        amount_nano,
        events.duration_ms
    FROM events
    JOIN attempts
        ON attempts.organization_id = events.organization_id
        AND attempts.attempt_id = events.subject
    JOIN wanted
        ON wanted.organization_id = attempts.organization_id
        AND wanted.execution_id = attempts.execution_id
    LEFT JOIN nodes
        ON nodes.organization_id = attempts.organization_id
        AND nodes.execution_id = attempts.execution_id
        AND nodes.node_id = events.node_id
    WHERE type = 'call.charged'
),
charged AS (
    SELECT
        organization_id, execution_id, node_type, sum(amount_nano) AS cost_nano,
        count(*) AS charges, sum(duration_ms) AS duration_ms
    FROM charges
    GROUP BY organization_id, execution_id, node_type
),
ran AS (
    SELECT
        organization_id, execution_id, node_type, count(*) AS steps,
        sum(duration_ms) AS duration_ms
    FROM steps
    JOIN nodes USING (organization_id, execution_id, node_id)
    GROUP BY organization_id, execution_id, node_type
),
ranked AS (
    SELECT
        organization_id,
        execution_id,
        node_type,
        row_number() OVER (
            PARTITION BY organization_id, execution_id ORDER BY cost_nano DESC, node_type
        ) AS place,
        cost_nano,
        coalesce(steps, charges) AS executions,
        -- Of steps, else of charges, but never both.
        CASE WHEN steps IS NULL THEN charged.duration_ms ELSE ran.duration_ms END AS duration_ms
    FROM charged
    LEFT JOIN ran USING (organization_id, execution_id, node_type)
),
shown AS (
    UNPIVOT (
        SELECT
            organization_id,
            execution_id,
            node_type,
            place::VARCHAR AS "place",
            money(cost_nano) AS "totalCost",
            executions::VARCHAR AS "executionCount",
            duration_ms::VARCHAR AS "totalDurationMs"
        FROM ranked
    ) ON COLUMNS(* EXCLUDE (organization_id, execution_id, node_type))
    INTO NAME figure VALUE value
)
SELECT organization_id, execution_id, 'billing.byNodeType.' || node_type || '.' || figure, value
FROM shown;

INSERT INTO expected
WITH dearest AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY organization_id, execution_id ORDER BY cost_nano DESC, attempt_id
        ) AS place
    FROM attempts
    JOIN wanted USING (organization_id, execution_id)
    WHERE cost_nano > 0
    QUALIFY place <= 10
),
shown AS (
    UNPIVOT (
        SELECT
            organization_id,
            execution_id,
            place,
            attempt_id AS "callId",
            contact_id AS "contactId",
            money(cost_nano) AS "totalCost",
            duration_ms::VARCHAR AS "durationMs"
        FROM dearest
    ) ON COLUMNS(* EXCLUDE (organization_id, execution_id, place)) INTO NAME figure VALUE value
)
SELECT organization_id, execution_id, 'billing.topCostlyCalls.' || place || '.' || figure, value
FROM shown;
