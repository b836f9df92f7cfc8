-- Which attempts has a campaign, and which contacts did it skip without any, newest first: one page
-- from a place on, one more, and how many in all?
WITH RECURSIVE {owned_attempts},
{campaign_skipped},
asked_statuses AS (
    -- Whether contacts that were skipped are asked for.
    SELECT COALESCE(%(status)s::text, 'skipped') = 'skipped' AS with_skipped
),
matching AS MATERIALIZED (
    SELECT
        (
            SELECT COALESCE(sum(items), 0)
            FROM {generation}.item_tallies
            WHERE organization_id = %(organization_id)s
                AND program_id = %(owner_id)s
                AND (campaign_status = %(status)s OR %(status)s::text IS NULL)
        ) + (
            SELECT COALESCE(sum(unsaid.items), 0)
            FROM owned_executions
            CROSS JOIN LATERAL (
                SELECT items
                FROM {generation}.item_tallies
                WHERE organization_id = %(organization_id)s
                    AND program_id = ''
                    AND execution_id = owned_executions.execution_id
                    AND (campaign_status = %(status)s OR %(status)s::text IS NULL)
            ) AS unsaid
        ) + (
            SELECT count(*)
            FROM owned_executions
            CROSS JOIN LATERAL (
                SELECT FROM skipped
                WHERE skipped.execution_id = owned_executions.execution_id
            ) AS of_execution
            WHERE (SELECT with_skipped FROM asked_statuses)
        ) AS total
),
items AS (
    SELECT started_us AS executed_us, number, attempt_id, NULL AS execution_id, NULL AS contact_id
    FROM owned_attempts
    UNION ALL
    SELECT newest.executed_us, newest.number, NULL, owned_executions.execution_id, newest.contact_id
    FROM owned_executions
    CROSS JOIN LATERAL (
        SELECT skipped.status_us AS executed_us, skipped.contact_id, named.number
        FROM skipped
        CROSS JOIN LATERAL (
            -- As `item_number` makes it of the two ids: it never is an integer of its own.
            SELECT ('x' || left(encode(sha256(convert_to(
                skipped.execution_id || E'\n' || skipped.contact_id, 'UTF8'
            )), 'hex'), 14))::bit(56)::bigint >> 3 AS number
        ) AS named
        WHERE skipped.execution_id = owned_executions.execution_id
            AND skipped.status_us <= %(before_us)s::bigint
            AND (skipped.status_us, named.number)
                < (%(before_us)s::bigint, %(before_number)s::bigint)
        ORDER BY skipped.status_us DESC, named.number DESC
        LIMIT CASE
            WHEN (SELECT with_skipped FROM asked_statuses) THEN (SELECT items FROM needed) ELSE 0
        END
    ) AS newest
),
page AS MATERIALIZED (
    SELECT *
    FROM items
    ORDER BY executed_us DESC, number DESC, attempt_id DESC
    LIMIT %(limit)s::bigint + 1
    OFFSET %(skip)s::bigint
)
SELECT
    installation.live_generation,
    {campaign_known},
    json_build_object(
        'total', matching.total,
        'items', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        page.executed_us, page.number, attempt.attempt_id, attempt.kind,
                        attempt.campaign_status, attempt.to_number, attempt.duration_ms,
                        attempt.outcome, translate(encode(attempt.state, 'base64'), E'\n', ''),
                        COALESCE(attempt.execution_id, page.execution_id),
                        COALESCE(attempt.contact_id, page.contact_id),
                        contact.first_name, contact.last_name, contact.phone,
                        -- What the profile lacks, or why it was skipped, the enrolment may say.
                        CASE
                            WHEN COALESCE(contact.first_name, contact.last_name) IS NULL
                                OR contact.phone IS NULL
                                OR attempt.attempt_id IS NULL
                            THEN translate(encode(contact.state, 'base64'), E'\n', '')
                        END
                    )
                    ORDER BY page.executed_us DESC, page.number DESC, page.attempt_id DESC
                )
                FROM page
                LEFT JOIN LATERAL (
                    SELECT *
                    FROM {generation}.attempts
                    WHERE organization_id = %(organization_id)s AND attempt_id = page.attempt_id
                    LIMIT 1
                ) AS attempt ON TRUE
                LEFT JOIN LATERAL (
                    SELECT *
                    FROM {generation}.contacts
                    WHERE organization_id = %(organization_id)s
                        -- Under row-level security COALESCE would keep the index from being used.
                        AND contact_id = CASE
                            WHEN attempt.attempt_id IS NULL THEN page.contact_id
                            ELSE attempt.contact_id
                        END
                    LIMIT 1
                ) AS contact ON TRUE
            ),
            '[]'::json
        )
    )::text AS rows
FROM callfold.installation
CROSS JOIN matching
