-- How much was compared: executions, figures (a row of the call history is one), differences.
SELECT
    (SELECT count(*) FROM chosen) AS executions,
    (SELECT count(*) FROM served) + (SELECT count(*) FROM served_calls) AS figures,
    (
        SELECT count(*)
        FROM differences
        ANTI JOIN lacking USING (organization_id)
    ) AS differing;
