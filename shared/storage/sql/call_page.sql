-- Part of the call history's queries: the answer, from the keys in `page` and the sum in `matching`.
SELECT
    head.*,
    NULL::text AS flow,
    json_build_object(
        'total', matching.total,
        'calls', COALESCE(
            (
                SELECT json_agg(
                    json_build_array(
                        attempt_id, contact_id, from_number, to_number, direction, attempt,
                        status, outcome, attempts.started_us, ended_us, duration_ms, total_cost
                    )
                    ORDER BY attempts.started_us, attempt_id
                )
                FROM page
                JOIN {generation}.attempts USING (attempt_id)
                WHERE organization_id = %(organization_id)s
            ),
            '[]'::json
        )
    )::text AS rows
FROM head
CROSS JOIN matching
