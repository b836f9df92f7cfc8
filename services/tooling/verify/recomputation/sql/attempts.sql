-- Each attempt to reach a contact: what it is, whose, and how it ended (events.md, section 3).
CREATE TABLE attempts AS
WITH said AS (
    SELECT
        organization_id,
        subject AS attempt_id,
        -- max_by passes over nulls: the winner among those that say it. A winner that may say
        -- nothing is found by arg_max_null.
        max_by(execution_id, place) AS execution_id,
        coalesce(bool_or(type LIKE 'call.%' AND type <> 'call.charged'), false) AS is_call,
        bool_or(split_part(type, '.', 1) IN ('run', 'node', 'dtmf', 'variable')) AS is_run,
        bool_or(type LIKE 'sms.%') AS is_sms,
        min(time_us) AS started_us,
        max_by(contact_id, place) FILTER (type = 'call.initiated') AS called_contact_id,
        arg_max_null(contact_id, place) FILTER (type = 'run.started') AS run_contact_id,
        arg_max_null(contact_id, place) FILTER (type = 'sms.requested') AS sms_contact_id,
        max_by(attempt, place) FILTER (type = 'call.initiated') AS number,
        max_by(direction, place) FILTER (type = 'call.initiated') AS direction,
        max_by(from_number, place) FILTER (type = 'call.initiated') AS from_number,
        max_by(to_number, place) FILTER (type = 'call.initiated') AS to_number,
        min(time_us) FILTER (type = 'call.answered') AS answered_us,
        max_by(answered_by, place) FILTER (
            type IN ('call.answered', 'call.amd_completed')
        ) AS answered_by,
        min(time_us) FILTER (type = 'call.ended') AS ended_us,
        arg_max_null(outcome, place) FILTER (type = 'call.ended') AS said_outcome,
        arg_max_null(flow_outcome, place) FILTER (type = 'call.ended') AS call_flow_outcome,
        arg_max_null(duration_ms, place) FILTER (type = 'call.ended') AS said_duration_ms,
        arg_max_null(outcome, place) FILTER (type = 'run.ended') AS run_outcome,
        sum(amount_nano) FILTER (type = 'call.charged') AS cost_nano
    FROM events
    WHERE kind = 'attempt'
    GROUP BY organization_id, subject
),
decided AS (
    SELECT
        *,
        CASE
            WHEN is_call THEN 'call' WHEN is_run THEN 'run' WHEN is_sms THEN 'sms' ELSE 'call'
        END AS family,
        CASE
            WHEN ended_us IS NULL THEN NULL
            WHEN said_outcome IS NOT NULL THEN said_outcome
            WHEN answered_by = 'machine' THEN 'voicemail'
            WHEN answered_us IS NOT NULL THEN 'completed'
            ELSE 'failed'
        END AS outcome
    FROM said
)
SELECT
    organization_id,
    execution_id,
    attempt_id,
    family,
    coalesce(
        called_contact_id, run_contact_id, CASE WHEN family = 'sms' THEN sms_contact_id END
    ) AS contact_id,
    coalesce(number, 1) AS number,
    coalesce(direction, 'outbound') AS direction,
    from_number,
    to_number,
    CASE
        WHEN outcome IS NULL THEN 'ongoing'
        WHEN outcome IN ('completed', 'voicemail', 'no_answer', 'busy', 'rejected', 'failed')
            THEN outcome
        ELSE 'failed'
    END AS status,
    outcome,
    coalesce(call_flow_outcome, run_outcome) AS flow_outcome,
    started_us,
    ended_us,
    CASE
        WHEN family <> 'call' OR ended_us IS NULL THEN NULL
        WHEN said_duration_ms IS NOT NULL THEN said_duration_ms
        WHEN answered_us IS NOT NULL THEN greatest(ended_us - answered_us, 0) // 1000
    END AS duration_ms,
    cost_nano
FROM decided;
