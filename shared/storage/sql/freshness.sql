-- Which generation is live, and up to when is it folded?
SELECT installation.live_generation, {as_of} AS as_of_ms
FROM callfold.installation
