-- The calls of each wanted execution, oldest first (reports.md, Call history).
CREATE TABLE expected_calls AS
SELECT
    organization_id,
    execution_id,
    attempt_id AS call_id,
    row_number() OVER (
        PARTITION BY organization_id, execution_id ORDER BY started_us, attempt_id
    ) AS place,
    contact_id,
    from_number,
    to_number,
    direction,
    number::VARCHAR AS attempt,
    status,
    outcome,
    instant_text(started_us) AS started_at,
    instant_text(ended_us) AS ended_at,
    duration_ms::VARCHAR AS duration_ms,
    money(cost_nano) AS total_cost
FROM attempts
JOIN wanted USING (organization_id, execution_id)
WHERE family = 'call';
