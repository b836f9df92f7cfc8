-- Every figure in which the two computations differ, null where one of them does not have it.
CREATE TABLE differences AS
SELECT
    organization_id, execution_id, figure, expected.value AS expected, served.value AS served
FROM expected
FULL JOIN served USING (organization_id, execution_id, figure)
WHERE expected.value IS DISTINCT FROM served.value;

-- Places are compared among the calls that both have: one that is missing moves no other.
CREATE TABLE call_pairs AS
SELECT
    organization_id,
    execution_id,
    call_id,
    expected_calls AS expected,
    served_calls AS served,
    expected_calls.call_id IS NOT NULL AND served_calls.call_id IS NOT NULL AS in_both
FROM expected_calls
FULL JOIN served_calls USING (organization_id, execution_id, call_id);

INSERT INTO differences
WITH placed AS (
    SELECT
        *,
        CASE WHEN in_both THEN row_number() OVER (
            PARTITION BY organization_id, execution_id, in_both ORDER BY expected.place
        ) END AS expected_place,
        CASE WHEN in_both THEN row_number() OVER (
            PARTITION BY organization_id, execution_id, in_both ORDER BY served.place
        ) END AS served_place
    FROM call_pairs
),
by_key AS (
    SELECT
        organization_id,
        execution_id,
        call_id,
        unnest([
            ('callId', expected.call_id, served.call_id),
            ('place', expected_place::VARCHAR, served_place::VARCHAR),
            ('contactId', expected.contact_id, served.contact_id),
            ('from', expected.from_number, served.from_number),
            ('to', expected.to_number, served.to_number),
            ('direction', expected.direction, served.direction),
            ('attempt', expected.attempt, served.attempt),
            ('status', expected.status, served.status),
            ('outcome', expected.outcome, served.outcome),
            ('startedAt', expected.started_at, served.started_at),
            ('endedAt', expected.ended_at, served.ended_at),
            ('durationMs', expected.duration_ms, served.duration_ms),
            ('totalCost', expected.total_cost, served.total_cost)
        ]) AS said
    FROM placed
    WHERE expected IS DISTINCT FROM served
)
SELECT organization_id, execution_id, 'calls.' || call_id || '.' || said[1], said[2], said[3]
FROM by_key
WHERE said[2] IS DISTINCT FROM said[3];
