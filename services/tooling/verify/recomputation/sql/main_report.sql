-- The main report; `$now_us` is the second at which it is asked for. What a report leaves out is
-- null here, and no row of `expected`.
CREATE TABLE expected (
    organization_id VARCHAR, execution_id VARCHAR, figure VARCHAR, value VARCHAR
);

INSERT INTO expected
WITH contact_counts AS (
    SELECT
        organization_id,
        execution_id,
        count(*) AS contacts,
        count(*) FILTER (status = 'pending') AS pending,
        count(*) FILTER (status = 'queued') AS queued,
        count(*) FILTER (status = 'calling') AS calling,
        count(*) FILTER (status = 'pendingRetry') AS pending_retry,
        count(*) FILTER (status = 'completed') AS completed,
        count(*) FILTER (status = 'failed') AS failed,
        count(*) FILTER (status = 'skipped') AS skipped
    FROM contacts
    GROUP BY organization_id, execution_id
),
call_counts AS (
    SELECT
        organization_id,
        execution_id,
        count(*) AS calls,
        count(*) FILTER (status IN ('completed', 'voicemail')) AS connected,
        count(*) FILTER (status = 'completed') AS answered,
        count(*) FILTER (status = 'voicemail') AS voicemail,
        count(*) FILTER (status = 'no_answer') AS no_answer,
        count(*) FILTER (status = 'busy') AS busy,
        count(*) FILTER (status = 'rejected') AS rejected,
        count(*) FILTER (status = 'failed') AS failed,
        count(*) FILTER (flow_outcome = 'completed') AS completed
    FROM attempts
    WHERE family = 'call'
    GROUP BY organization_id, execution_id
),
costs AS (
    SELECT
        organization_id,
        execution_id,
        coalesce(sum(cost_nano), 0) AS cost_nano,
        count(*) FILTER (cost_nano > 0) AS billable
    FROM attempts
    GROUP BY organization_id, execution_id
),
flow_names AS (
    SELECT organization_id, execution_id, flow_versions.name
    FROM flows_in_use
    JOIN flow_versions USING (organization_id, flow_id, version)
)
UNPIVOT (
    SELECT
        wanted.organization_id,
        wanted.execution_id,
        wanted.execution_id AS "executionId",
        program_id AS "programId",
        wanted.organization_id AS "organizationId",
        status AS "status",
        instant_text(instant_us(scheduled_start_at)) AS "scheduledStartAt",
        instant_text(instant_us(scheduled_stop_at)) AS "scheduledStopAt",
        instant_text(started_us) AS "actualStartAt",
        instant_text(ended_us) AS "actualEndAt",
        CASE
            WHEN started_us IS NOT NULL
                THEN (greatest(coalesce(ended_us, $now_us) - started_us, 0) // 1000)::VARCHAR
        END AS "durationMs",
        flow_id AS "metadata.flowId",
        -- An empty name is null.
        coalesce(nullif(flow_name, ''), nullif(flow_names.name, '')) AS "metadata.flowName",
        audience_id AS "metadata.audienceId",
        coalesce(contacts, 0)::VARCHAR AS "contactMetrics.totalContacts",
        coalesce(pending, 0)::VARCHAR AS "contactMetrics.pending",
        coalesce(queued, 0)::VARCHAR AS "contactMetrics.queued",
        coalesce(calling, 0)::VARCHAR AS "contactMetrics.calling",
        coalesce(pending_retry, 0)::VARCHAR AS "contactMetrics.pendingRetry",
        coalesce(contact_counts.completed, 0)::VARCHAR AS "contactMetrics.completed",
        coalesce(contact_counts.failed, 0)::VARCHAR AS "contactMetrics.failed",
        coalesce(skipped, 0)::VARCHAR AS "contactMetrics.skipped",
        percentage(
            coalesce(contact_counts.completed, 0), coalesce(contacts, 0)
        ) AS "contactMetrics.reachRate",
        coalesce(calls, 0)::VARCHAR AS "callMetrics.totalCalls",
        coalesce(connected, 0)::VARCHAR AS "callMetrics.connected",
        coalesce(answered, 0)::VARCHAR AS "callMetrics.answered",
        coalesce(voicemail, 0)::VARCHAR AS "callMetrics.voicemail",
        coalesce(no_answer, 0)::VARCHAR AS "callMetrics.noAnswer",
        coalesce(busy, 0)::VARCHAR AS "callMetrics.busy",
        coalesce(rejected, 0)::VARCHAR AS "callMetrics.rejected",
        coalesce(call_counts.failed, 0)::VARCHAR AS "callMetrics.failed",
        coalesce(call_counts.completed, 0)::VARCHAR AS "callMetrics.completed",
        percentage(coalesce(connected, 0), coalesce(calls, 0)) AS "callMetrics.connectionRate",
        percentage(coalesce(answered, 0), coalesce(calls, 0)) AS "callMetrics.answerRate",
        money(coalesce(cost_nano, 0)) AS "billingMetrics.totalCreditsUsed",
        coalesce(billable, 0)::VARCHAR AS "billingMetrics.billableCallsCount",
        average_money(
            coalesce(cost_nano, 0), coalesce(billable, 0)
        ) AS "billingMetrics.averageCostPerCall"
    FROM wanted
    JOIN executions USING (organization_id, execution_id)
    LEFT JOIN contact_counts USING (organization_id, execution_id)
    LEFT JOIN call_counts USING (organization_id, execution_id)
    LEFT JOIN costs USING (organization_id, execution_id)
    LEFT JOIN flow_names USING (organization_id, execution_id)
) ON COLUMNS(* EXCLUDE (organization_id, execution_id)) INTO NAME figure VALUE value;
