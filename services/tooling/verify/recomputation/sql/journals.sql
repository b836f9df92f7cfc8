-- Do states and log hold each other: is each event remembered once, and each memory an event?
CREATE TABLE remembered AS
SELECT
    kind, organization_id, subject, partition, pair[1]::BIGINT AS ms, pair[2]::UBIGINT AS seq
FROM (
    SELECT kind, organization_id, subject, partition, unnest(positions) AS pair FROM journals
);

-- A memory without an entry: the log lost it.
CREATE TABLE lost_entries AS
SELECT
    remembered.*,
    EXISTS (
        SELECT 1
        FROM unreadable
        WHERE unreadable.partition = remembered.partition
            AND (first_ms, first_seq) <= (remembered.ms, remembered.seq)
            AND (last_ms, last_seq) >= (remembered.ms, remembered.seq)
    ) AS is_unreadable
FROM remembered
ANTI JOIN entries USING (partition, ms, seq);

-- Entries that a state remembers, with whose they are.
CREATE TABLE remembered_entries AS
SELECT
    remembered.kind, remembered.organization_id, remembered.subject, partition, ms, seq,
    entries.source, entries.id,
    (entries.kind, entries.organization_id, entries.subject)
    = (remembered.kind, remembered.organization_id, remembered.subject) AS is_own
FROM remembered
JOIN entries USING (partition, ms, seq);

CREATE TABLE state_differences AS
-- An event whose subject has no state: the row was lost.
SELECT
    'no state' AS what, kind, organization_id, subject, count(*) AS events,
    min((partition, ms, seq)) AS entry
FROM events
ANTI JOIN journals USING (kind, organization_id, subject)
GROUP BY kind, organization_id, subject;

INSERT INTO state_differences
-- A subject that is known and does not remember an event. Where its memory reaches into what the
-- log lost, nothing can be said.
SELECT 'not folded', kind, organization_id, subject, count(*), min((partition, ms, seq))
FROM events
SEMI JOIN journals USING (kind, organization_id, subject)
ANTI JOIN remembered_entries USING (kind, organization_id, subject, source, id)
ANTI JOIN lost_entries USING (kind, organization_id, subject)
GROUP BY kind, organization_id, subject;

INSERT INTO state_differences
-- A state that remembers another subject's entry.
SELECT 'not its own', kind, organization_id, subject, count(*), min((partition, ms, seq))
FROM remembered_entries
WHERE NOT is_own
GROUP BY kind, organization_id, subject;

INSERT INTO state_differences
-- One event that was folded twice.
SELECT 'folded twice', kind, organization_id, subject, count(*), min(entry)
FROM (
    SELECT kind, organization_id, subject, min((partition, ms, seq)) AS entry
    FROM remembered_entries
    WHERE is_own
    GROUP BY kind, organization_id, subject, source, id
    HAVING count(*) > 1
)
GROUP BY kind, organization_id, subject;
