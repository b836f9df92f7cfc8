-- Calls by attempt number, and the total (reports.md, Breakdown).
INSERT INTO expected
WITH calls AS (
    SELECT
        wanted.organization_id, wanted.execution_id, attempt_id, number, status, flow_outcome,
        duration_ms
    FROM wanted
    LEFT JOIN attempts
        ON attempts.organization_id = wanted.organization_id
        AND attempts.execution_id = wanted.execution_id
        AND family = 'call'
),
counts AS (
    SELECT
        organization_id,
        execution_id,
        CASE
            WHEN grouping(number) = 1 THEN 'breakdown.total.'
            ELSE 'breakdown.perAttempt.' || number || '.'
        END AS path,
        -- They come in ascending order, which is a figure too.
        CASE
            WHEN grouping(number) = 0 THEN dense_rank() OVER (
                PARTITION BY organization_id, execution_id, grouping(number) ORDER BY number
            )
        END AS place,
        count(attempt_id) AS attempted,
        count(*) FILTER (status IN ('completed', 'voicemail')) AS connected,
        count(*) FILTER (status = 'completed') AS answered,
        count(*) FILTER (status = 'voicemail') AS voicemail,
        count(*) FILTER (status = 'no_answer') AS no_answer,
        count(*) FILTER (status IN ('busy', 'rejected', 'failed')) AS failed,
        count(*) FILTER (flow_outcome = 'completed') AS completed,
        coalesce(sum(duration_ms), 0) AS duration_ms,
        count(duration_ms) AS durations
    FROM calls
    GROUP BY GROUPING SETS (
        (organization_id, execution_id), (organization_id, execution_id, number)
    )
    HAVING grouping(number) = 1 OR number IS NOT NULL
)
SELECT organization_id, execution_id, path || figure, value
FROM (
    UNPIVOT (
        SELECT
            organization_id,
            execution_id,
            path,
            place::VARCHAR AS "place",
            attempted::VARCHAR AS "callsAttempted",
            connected::VARCHAR AS "callsConnected",
            answered::VARCHAR AS "callsAnswered",
            voicemail::VARCHAR AS "callsVoicemail",
            no_answer::VARCHAR AS "callsNoAnswer",
            failed::VARCHAR AS "callsFailed",
            completed::VARCHAR AS "callsCompleted",
            percentage(connected, attempted) AS "connectedPercentage",
            percentage(answered, attempted) AS "answeredPercentage",
            percentage(voicemail, attempted) AS "voicemailPercentage",
            percentage(no_answer, attempted) AS "noAnswerPercentage",
            percentage(completed, attempted) AS "completedPercentage",
            average_ms(duration_ms, durations) AS "averageDurationMs"
        FROM counts
    ) ON COLUMNS(* EXCLUDE (organization_id, execution_id, path)) INTO NAME figure VALUE value
);
