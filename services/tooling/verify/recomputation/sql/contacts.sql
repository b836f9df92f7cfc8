-- The status of each contact in each execution: the winner of its seven status events.
CREATE TABLE contacts AS
SELECT
    organization_id,
    execution_id,
    subject AS contact_id,
    CASE max_by(type, place)
        WHEN 'contact.enrolled' THEN 'pending'
        WHEN 'contact.retry_scheduled' THEN 'pendingRetry'
        ELSE split_part(max_by(type, place), '.', 2)
    END AS status
FROM events
WHERE kind = 'contact' AND type <> 'contact.updated'
GROUP BY organization_id, execution_id, subject;
