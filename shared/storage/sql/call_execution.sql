-- What is the execution of one call made of?
WITH page AS (SELECT %(call_id)s::text COLLATE "C" AS attempt_id)
SELECT installation.live_generation, ({call_execution_rows})::text AS calls
FROM callfold.installation
