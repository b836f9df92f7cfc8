-- Part of the call history's queries: the answer, from keys in `page` and the sum in `matching`.
SELECT
    head.*,
    NULL::text AS flow,
    json_build_object(
        'total', matching.total,
        'calls', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        call.attempt_id, contact_id, from_number, to_number, direction, attempt,
                        status, outcome, call.started_us, ended_us, duration_ms, total_cost
                    )
                    ORDER BY call.started_us, call.attempt_id
                )
                FROM page
                -- One look-up a key: the planner cannot know how short the page is.
                CROSS JOIN LATERAL (
                    SELECT *
                    FROM {generation}.attempts
                    WHERE organization_id = %(organization_id)s
                        AND attempt_id = page.attempt_id
                    LIMIT 1
                ) AS call
            ),
            '[]'::json
        )
    )::text AS rows
FROM head
CROSS JOIN matching
