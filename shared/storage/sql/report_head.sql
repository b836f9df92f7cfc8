-- Part of each report's query: the live generation, whether any subject names the execution, and
-- its state, null without an event of its own. Looked up by key, which costs less than joins.
head AS (
    SELECT
        installation.live_generation,
        EXISTS (
            SELECT
            FROM {generation}.execution_mentions
            WHERE organization_id = %(organization_id)s
                AND execution_id = %(execution_id)s
                AND subjects > 0
        ) AS execution_mentioned,
        (
            SELECT state
            FROM {generation}.executions
            WHERE organization_id = %(organization_id)s AND execution_id = %(execution_id)s
        ) AS execution_state
    FROM callfold.installation
)
