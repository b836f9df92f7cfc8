-- How far is an execution? Its state, and its contacts by status.
WITH {report_head}
SELECT
    head.live_generation,
    CASE WHEN execution_mentioned OR execution_state IS NOT NULL THEN json_build_array(
        %(execution_id)s::text,
        translate(encode(execution_state, 'base64'), E'\n', ''),
        (
            SELECT json_object_agg(status, contacts)
            FROM {generation}.contact_tallies
            WHERE organization_id = %(organization_id)s
                AND execution_id = %(execution_id)s
                AND contacts > 0
        )
    ) END::text AS execution
FROM head
