-- Which stretches of the log are gone: entries in a row that states remember and it does not hold.
WITH in_order AS (
    SELECT
        partition, ms, seq, lost_entries.subject IS NOT NULL AS is_lost,
        row_number() OVER (PARTITION BY partition ORDER BY ms, seq) AS place,
        row_number() OVER (
            PARTITION BY partition, lost_entries.subject IS NOT NULL ORDER BY ms, seq
        ) AS place_among
    FROM remembered
    LEFT JOIN lost_entries USING (kind, organization_id, subject, partition, ms, seq)
    WHERE is_unreadable IS DISTINCT FROM true
)
SELECT
    partition, count(*) AS events, min((ms, seq)) AS first, max((ms, seq)) AS last,
    count(*) OVER () AS stretches
FROM in_order
WHERE is_lost
GROUP BY partition, place - place_among
ORDER BY partition, first
LIMIT $limit;
