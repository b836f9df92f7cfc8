-- Part of some reports' queries: the flow in the version that the execution uses (events.md).
published_flow AS (
    SELECT flow
    FROM {generation}.flow_versions
    WHERE organization_id = %(organization_id)s
        AND flow_id = %(flow_id)s
        -- Selected on its own: beside row-level security no index finds what COALESCE says.
        AND version = (
            SELECT
                COALESCE(
                    %(flow_version)s::bigint,
                    (
                        SELECT max(version)
                        FROM {generation}.flow_versions
                        WHERE organization_id = %(organization_id)s
                            AND flow_id = %(flow_id)s
                            AND published_us <= %(started_us)s::bigint
                    ),
                    (
                        SELECT min(version)
                        FROM {generation}.flow_versions
                        WHERE organization_id = %(organization_id)s AND flow_id = %(flow_id)s
                    )
                )
        )
)
