-- Part of the queries of a campaign's contacts: its executions, and the enrolments that count. A
-- contact that several of them enrolled counts once, by its latest status.
owned_executions AS MATERIALIZED (
    SELECT execution_id
    FROM {generation}.executions
    WHERE organization_id = %(organization_id)s AND program_id = %(owner_id)s
),
counting AS NOT MATERIALIZED (
    SELECT enrolment.execution_id, enrolment.contact_id, enrolment.status
    FROM {generation}.enrolments AS enrolment
    WHERE enrolment.organization_id = %(organization_id)s
        AND enrolment.contacts > 0
        AND NOT EXISTS (
            SELECT
            FROM owned_executions AS other
            CROSS JOIN LATERAL (
                SELECT status_us
                FROM {generation}.enrolments
                WHERE organization_id = %(organization_id)s
                    AND execution_id = other.execution_id
                    AND contact_id = enrolment.contact_id
                    AND contacts > 0
            ) AS later
            WHERE other.execution_id <> enrolment.execution_id
                AND (later.status_us, other.execution_id)
                    > (enrolment.status_us, enrolment.execution_id)
            OFFSET 0
        )
)
