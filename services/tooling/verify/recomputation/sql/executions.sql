-- Each execution that any event names, its plan, status and times (reports.md, Status).
CREATE TABLE executions AS
WITH own AS (
    SELECT
        organization_id,
        subject AS execution_id,
        arg_max_null(program_id, place) FILTER (type = 'execution.scheduled') AS program_id,
        arg_max_null(flow_id, place) FILTER (type = 'execution.scheduled') AS flow_id,
        arg_max_null(flow_version, place) FILTER (type = 'execution.scheduled') AS flow_version,
        arg_max_null(flow_name, place) FILTER (type = 'execution.scheduled') AS flow_name,
        arg_max_null(audience_id, place) FILTER (type = 'execution.scheduled') AS audience_id,
        arg_max_null(scheduled_start_at, place) FILTER (
            type = 'execution.scheduled'
        ) AS scheduled_start_at,
        arg_max_null(scheduled_stop_at, place) FILTER (
            type = 'execution.scheduled'
        ) AS scheduled_stop_at,
        min(time_us) FILTER (type = 'execution.started') AS started_us,
        min(time_us) FILTER (type IN (
            'execution.completed', 'execution.stopped', 'execution.cancelled'
        )) AS ended_us,
        -- The earliest decides; at equal times the higher rank.
        arg_min(split_part(type, '.', 2), (time_us, -rank)) FILTER (type IN (
            'execution.completed', 'execution.stopped', 'execution.cancelled'
        )) AS terminal,
        max_by(
            CASE
                WHEN type <> 'execution.paused' THEN 'running'
                WHEN reason = 'manual' THEN 'paused'
                ELSE 'paused_' || reason
            END,
            place
        ) FILTER (type IN (
            'execution.started', 'execution.resumed', 'execution.paused'
        )) AS activity
    FROM events
    WHERE kind = 'execution'
    GROUP BY organization_id, subject
),
named AS (
    SELECT DISTINCT organization_id, execution_id FROM events WHERE execution_id IS NOT NULL
)
SELECT
    named.organization_id,
    named.execution_id,
    own.* EXCLUDE (organization_id, execution_id),
    CASE
        WHEN own.execution_id IS NOT NULL THEN coalesce(terminal, activity, 'scheduled')
    END AS status
FROM named
LEFT JOIN own USING (organization_id, execution_id);
