-- Part of a campaign's list of attempts: contacts that an execution skipped without any attempt.
-- Each is looked up by itself (OFFSET keeps that): how few attempts there are is not known before.
skipped AS NOT MATERIALIZED (
    SELECT enrolment.execution_id, enrolment.contact_id, enrolment.status_us
    FROM {generation}.enrolments AS enrolment
    WHERE enrolment.organization_id = %(organization_id)s
        AND enrolment.status = 6
        AND enrolment.contacts > 0
        AND NOT EXISTS (
            SELECT
            FROM {generation}.attempts AS attempt
            WHERE attempt.organization_id = %(organization_id)s
                AND attempt.execution_id = enrolment.execution_id
                AND attempt.contact_id = enrolment.contact_id
                AND attempt.kind = 'call'
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT
            FROM {generation}.attempts AS attempt
            WHERE attempt.organization_id = %(organization_id)s
                AND attempt.execution_id = enrolment.execution_id
                AND attempt.contact_id = enrolment.contact_id
                AND attempt.kind <> 'call'
            OFFSET 0
        )
)
