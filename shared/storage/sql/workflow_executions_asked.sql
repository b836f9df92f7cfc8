-- Part of `workflow_executions.sql`: the conditions of the list; null parameters ask for nothing.
attempt.started_us BETWEEN %(from_us)s::bigint AND %(to_us)s::bigint
AND (%(status)s::text IS NULL OR attempt.workflow_status = %(status)s::text)
AND (%(contact_id)s::text IS NULL OR attempt.contact_id = %(contact_id)s::text)
