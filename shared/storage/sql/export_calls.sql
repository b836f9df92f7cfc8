-- Every call of an execution with its contact, in the order of the calls export.
SELECT
    call.attempt_id,
    call.contact_id,
    contact.first_name,
    contact.last_name,
    contact.phone,
    contact.email,
    call.from_number,
    call.to_number,
    call.direction,
    call.attempt,
    call.status,
    call.outcome,
    call.flow_outcome,
    call.started_us,
    call.answered_us,
    call.ended_us,
    call.duration_ms,
    trim_scale(call.total_cost)::text,
    CASE WHEN %(wants_steps)s THEN call.state END,
    CASE WHEN %(wants_attributes)s THEN contact.state END
FROM {generation}.attempts AS call
LEFT JOIN {generation}.contacts AS contact
    ON contact.organization_id = %(organization_id)s
    AND contact.contact_id = call.contact_id
WHERE call.organization_id = %(organization_id)s
    AND call.execution_id = %(execution_id)s
    AND call.kind = 'call'
ORDER BY contact.last_name NULLS LAST, call.attempt, call.attempt_id
