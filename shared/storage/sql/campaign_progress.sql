-- How far is a campaign: its contacts by status, its calls and their cost, its latest execution?
WITH {campaign_contacts},
contacts AS (
    -- Of a single execution, as most have, the tally knows; of more each contact counts once.
    SELECT contact_tallies.status, contact_tallies.contacts
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT status, contacts
        FROM {generation}.contact_tallies
        WHERE organization_id = %(organization_id)s
            AND execution_id = owned_executions.execution_id
    ) AS contact_tallies
    WHERE (SELECT count(*) FROM owned_executions) = 1 AND contact_tallies.contacts > 0
    UNION ALL
    SELECT
        (ARRAY['pending', 'queued', 'calling', 'pendingRetry', 'completed', 'failed', 'skipped'])[
            of_execution.status + 1
        ],
        count(*)
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT counting.status
        FROM counting
        WHERE counting.execution_id = owned_executions.execution_id
    ) AS of_execution
    WHERE (SELECT count(*) FROM owned_executions) > 1
    GROUP BY of_execution.status
),
-- All calls and lone SMS of the campaign's executions, less those of other campaigns among them,
-- and those elsewhere that name the campaign themselves.
attempts AS (
    SELECT tally.calls, tally.messages, tally.answered, tally.duration_ms, tally.cost
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT
            sum(attempts) FILTER (WHERE kind = 'call') AS calls,
            sum(attempts) FILTER (WHERE kind = 'sms') AS messages,
            sum(attempts) FILTER (WHERE kind = 'call' AND status = 'completed') AS answered,
            sum(duration_ms) AS duration_ms,
            sum(cost) AS cost
        FROM {generation}.attempt_tallies
        WHERE organization_id = %(organization_id)s
            AND execution_id = owned_executions.execution_id
            AND kind <> 'run'
    ) AS tally
    UNION ALL
    SELECT -of_others.calls, -of_others.messages, -of_others.answered,
        -of_others.duration_ms, -of_others.cost
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT DISTINCT program_id
        FROM {generation}.item_tallies
        WHERE organization_id = %(organization_id)s
            AND execution_id = owned_executions.execution_id
            AND program_id <> ''
            AND program_id <> %(owner_id)s
    ) AS other
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE kind = 'call') AS calls,
            count(*) FILTER (WHERE kind = 'sms') AS messages,
            count(*) FILTER (WHERE kind = 'call' AND status = 'completed') AS answered,
            sum(duration_ms) AS duration_ms,
            sum(total_cost) AS cost
        FROM {generation}.attempts
        WHERE organization_id = %(organization_id)s
            AND program_id = other.program_id
            AND execution_id = owned_executions.execution_id
            AND kind <> 'run'
    ) AS of_others
    UNION ALL
    SELECT elsewhere.calls, elsewhere.messages, elsewhere.answered, elsewhere.duration_ms,
        elsewhere.cost
    FROM (
        SELECT DISTINCT execution_id
        FROM {generation}.item_tallies
        WHERE organization_id = %(organization_id)s
            AND program_id = %(owner_id)s
            AND execution_id NOT IN (SELECT execution_id FROM owned_executions)
    ) AS other
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE kind = 'call') AS calls,
            count(*) FILTER (WHERE kind = 'sms') AS messages,
            count(*) FILTER (WHERE kind = 'call' AND status = 'completed') AS answered,
            sum(duration_ms) AS duration_ms,
            sum(total_cost) AS cost
        FROM {generation}.attempts
        WHERE organization_id = %(organization_id)s
            AND program_id = %(owner_id)s
            AND execution_id = other.execution_id
            AND kind <> 'run'
    ) AS elsewhere
    UNION ALL
    SELECT
        count(*) FILTER (WHERE kind = 'call'),
        count(*) FILTER (WHERE kind = 'sms'),
        count(*) FILTER (WHERE kind = 'call' AND status = 'completed'),
        sum(duration_ms),
        sum(total_cost)
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s
        AND program_id = %(owner_id)s
        AND execution_id IS NULL
        AND kind <> 'run'
)
SELECT
    installation.live_generation,
    {campaign_known},
    json_build_object(
        'contacts', COALESCE(
            (SELECT json_object_agg(status, contacts) FROM contacts), '{}'::json
        ),
        'calls', COALESCE(sums.calls, 0),
        'messages', COALESCE(sums.messages, 0),
        'answered', COALESCE(sums.answered, 0),
        'duration_ms', COALESCE(sums.duration_ms, 0),
        'cost', COALESCE(sums.cost, 0),
        'first_us', executions.first_us,
        'latest', (
            SELECT translate(encode(state, 'base64'), E'\n', '')
            FROM {generation}.executions
            WHERE organization_id = %(organization_id)s AND program_id = %(owner_id)s
            ORDER BY first_us DESC, execution_id DESC
            LIMIT 1
        )
    )::text AS rows
FROM callfold.installation
CROSS JOIN (
    SELECT sum(calls) AS calls, sum(messages) AS messages, sum(answered) AS answered,
        sum(duration_ms) AS duration_ms, sum(cost) AS cost
    FROM attempts
) AS sums
CROSS JOIN (
    SELECT min(first_us) AS first_us
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s AND program_id = %(owner_id)s
) AS executions
