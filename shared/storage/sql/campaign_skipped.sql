-- Part of a campaign's list of attempts: contacts that an execution skipped without any attempt.
-- Each is looked up by itself (OFFSET keeps that): how few attempts there are is not known before.
skipped AS NOT MATERIALIZED (
    SELECT contact.execution_id, contact.contact_id, contact.status_us
    FROM {generation}.skipped_contacts AS contact
    WHERE contact.organization_id = %(organization_id)s
        AND contact.contacts > 0
        AND NOT EXISTS (
            SELECT
            FROM {generation}.attempts AS attempt
            WHERE attempt.organization_id = %(organization_id)s
                AND attempt.execution_id = contact.execution_id
                AND attempt.contact_id = contact.contact_id
                AND attempt.kind = 'call'
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT
            FROM {generation}.attempts AS attempt
            WHERE attempt.organization_id = %(organization_id)s
                AND attempt.execution_id = contact.execution_id
                AND attempt.contact_id = contact.contact_id
                AND attempt.kind <> 'call'
            OFFSET 0
        )
)
