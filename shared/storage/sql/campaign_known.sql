-- Part of the queries of a campaign: whether a plan or an attempt of the organization names it.
EXISTS (SELECT FROM owned_executions) OR EXISTS (
    SELECT
    FROM {generation}.attempts AS attempt
    WHERE attempt.organization_id = %(organization_id)s AND attempt.program_id = %(owner_id)s
) AS campaign_known
