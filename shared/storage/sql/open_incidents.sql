-- How many incidents of each kind are open that may concern an organization? An empty organization
-- stands for all: what happened to a stream may concern any. As `callfold incidents` counts them.
SELECT found.organization_id, found.kind, count(*) AS incidents
FROM (
    SELECT organization_id, 'sequence_gap' AS kind FROM callfold.sequence_marks WHERE missing > 0
    UNION ALL
    SELECT conflicting.organization_id, 'conflict'
    FROM (
        SELECT organization_id, source, count(*) AS events
        FROM callfold.conflicting_events
        GROUP BY organization_id, source
    ) AS conflicting
    LEFT JOIN callfold.incident_acknowledgements AS known
        ON known.kind = 'conflict'
        AND known.organization_id = conflicting.organization_id
        AND known.source = conflicting.source
    WHERE conflicting.events > COALESCE(known.measure, 0)
    UNION ALL
    SELECT '', incidents.kind
    FROM callfold.incidents
    LEFT JOIN callfold.incident_acknowledgements AS known USING (kind, lane, ms, seq)
    WHERE COALESCE(known.measure, -1) < CASE
            WHEN incidents.kind = 'trimmed' THEN COALESCE(incidents.entries_lost, 0)
            ELSE incidents.times
        END
) AS found
GROUP BY found.organization_id, found.kind
