-- Part of `call_executions.sql`: the conditions of a list; null parameters ask for nothing.
attempt.started_us BETWEEN %(from_us)s::bigint AND %(to_us)s::bigint
AND (%(status)s::text IS NULL OR attempt.call_status = %(status)s::text)
AND (%(direction)s::text IS NULL OR attempt.direction = %(direction)s::text)
AND (%(provider)s::text IS NULL OR attempt.provider = %(provider)s::text)
AND (
    %(voicemail)s::boolean IS NULL
    OR COALESCE(attempt.outcome = 'voicemail', false) = %(voicemail)s::boolean
)
AND (
    %(batch_id)s::text IS NULL
    OR attempt.batch_id = %(batch_id)s::text
    OR (
        attempt.batch_id IS NULL
        AND attempt.execution_id IN (
            SELECT execution_id
            FROM {generation}.executions
            WHERE organization_id = %(organization_id)s AND batch_id = %(batch_id)s::text
        )
    )
)
