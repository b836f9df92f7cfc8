-- How does a batch stand: its executions, their contacts, and its calls by status?
WITH owned AS MATERIALIZED (
    SELECT execution_id, status, first_us, last_us
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s AND batch_id = %(batch_id)s
),
enrolled AS (
    SELECT
        COALESCE(sum(tally.contacts), 0) AS contacts,
        COALESCE(sum(tally.contacts) FILTER (WHERE tally.status = 'skipped'), 0) AS skipped
    FROM owned
    CROSS JOIN LATERAL (
        SELECT status, contacts
        FROM {generation}.contact_tallies
        WHERE organization_id = %(organization_id)s AND execution_id = owned.execution_id
    ) AS tally
),
-- Only `call.initiated` names a batch, so attempts that name one are calls.
call AS (
    SELECT call_status
    FROM {generation}.attempts
    WHERE organization_id = %(organization_id)s AND batch_id = %(batch_id)s
    UNION ALL
    SELECT unsaid.call_status
    FROM owned
    CROSS JOIN LATERAL (
        SELECT call_status
        FROM {generation}.attempts
        WHERE organization_id = %(organization_id)s
            AND execution_id = owned.execution_id
            AND kind = 'call'
            AND batch_id IS NULL
        -- A fence: the index must be entered by the execution.
        OFFSET 0
    ) AS unsaid
),
counted AS (SELECT call_status, count(*) AS calls FROM call GROUP BY call_status)
SELECT
    installation.live_generation,
    json_build_object(
        'executions', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(status, first_us, last_us) ORDER BY first_us, execution_id
                )
                FROM owned
            ),
            '[]'::json
        ),
        'contacts', enrolled.contacts,
        'skipped', enrolled.skipped,
        'calls', COALESCE((SELECT json_object_agg(call_status, calls) FROM counted), '{}'::json)
    )::text AS batch
FROM callfold.installation
CROSS JOIN enrolled
