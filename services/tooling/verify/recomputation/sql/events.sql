-- Which events count: the first of each source and id of a subject (events.md, rule 2).
CREATE TABLE events AS
WITH counted AS (
    SELECT arrival, organization_id, kind, subject, time_us, rank, source, id
    FROM entries
    QUALIFY row_number() OVER (
        PARTITION BY organization_id, kind, subject, source, id ORDER BY arrival
    ) = 1
),
placed AS (
    SELECT
        arrival,
        -- Of competing facts of a subject the one with the greatest place wins (rule 3).
        row_number() OVER (
            PARTITION BY organization_id, kind, subject ORDER BY time_us, rank, source, id
        ) AS place
    FROM counted
)
SELECT placed.place, entries.*
FROM placed
JOIN entries USING (arrival);
