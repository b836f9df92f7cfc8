-- Which contacts has a campaign, by contact id, and how often was each tried: one page, one more,
-- and how many of that status in all?
WITH {campaign_contacts},
listed AS NOT MATERIALIZED (
    SELECT
        counting.execution_id, counting.contact_id,
        -- One that failed shows how its last call ended (seed-systems.md, 5.1).
        CASE counting.status
            WHEN 2 THEN 'in_progress'
            WHEN 4 THEN 'completed'
            WHEN 5 THEN COALESCE(
                (
                    SELECT CASE
                            WHEN call.campaign_status IN ('no_answer', 'busy', 'voicemail')
                            THEN call.campaign_status
                        END
                    FROM {generation}.attempts AS call
                    WHERE call.organization_id = %(organization_id)s
                        AND call.execution_id = counting.execution_id
                        AND call.contact_id = counting.contact_id
                        AND call.kind = 'call'
                    ORDER BY call.started_us DESC, call.attempt_id DESC
                    LIMIT 1
                ),
                'failed'
            )
            WHEN 6 THEN 'skipped'
            ELSE 'pending'
        END AS status
    FROM counting
),
matching AS MATERIALIZED (
    SELECT count(*) AS total
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT
        FROM listed
        WHERE listed.execution_id = owned_executions.execution_id
            AND (listed.status = %(status)s OR %(status)s::text IS NULL)
    ) AS of_execution
),
page AS MATERIALIZED (
    SELECT next.*
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT *
        FROM listed
        WHERE listed.execution_id = owned_executions.execution_id
            AND (listed.status = %(status)s OR %(status)s::text IS NULL)
        ORDER BY listed.contact_id
        LIMIT CASE
            WHEN %(skip)s::bigint < (SELECT total FROM matching)
            THEN %(skip)s::bigint + %(limit)s::bigint + 1
            ELSE 0
        END
    ) AS next
    ORDER BY next.contact_id
    LIMIT %(limit)s::bigint + 1
    OFFSET %(skip)s::bigint
)
SELECT
    installation.live_generation,
    {campaign_known},
    json_build_object(
        'total', matching.total,
        'contacts', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        page.contact_id, page.status, page.execution_id, enrolled.first_us,
                        tried.attempts, tried.last_us,
                        translate(encode(contact.state, 'base64'), E'\n', '')
                    )
                    ORDER BY page.contact_id
                )
                FROM page
                CROSS JOIN LATERAL (
                    SELECT min(first_us) AS first_us
                    FROM owned_executions
                    CROSS JOIN LATERAL (
                        SELECT first_us
                        FROM {generation}.enrolments
                        WHERE organization_id = %(organization_id)s
                            AND execution_id = owned_executions.execution_id
                            AND contact_id = page.contact_id
                            AND contacts > 0
                    ) AS enrolment
                ) AS enrolled
                CROSS JOIN LATERAL (
                    SELECT count(*) AS attempts, max(started_us) AS last_us
                    FROM owned_executions
                    CROSS JOIN LATERAL (
                        SELECT started_us, program_id
                        FROM {generation}.attempts
                        WHERE organization_id = %(organization_id)s
                            AND execution_id = owned_executions.execution_id
                            AND contact_id = page.contact_id
                            AND kind = 'call'
                        UNION ALL
                        SELECT started_us, program_id
                        FROM {generation}.attempts
                        WHERE organization_id = %(organization_id)s
                            AND execution_id = owned_executions.execution_id
                            AND contact_id = page.contact_id
                            AND kind <> 'call'
                            AND kind = 'sms'
                    ) AS attempt
                    WHERE attempt.program_id = %(owner_id)s OR attempt.program_id IS NULL
                ) AS tried
                CROSS JOIN LATERAL (
                    SELECT state
                    FROM {generation}.contacts
                    WHERE organization_id = %(organization_id)s AND contact_id = page.contact_id
                    LIMIT 1
                ) AS contact
            ),
            '[]'::json
        )
    )::text AS rows
FROM callfold.installation
CROSS JOIN matching
