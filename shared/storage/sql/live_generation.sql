-- Which generation answers reports, and by which version of the folds was it made?
SELECT live_generation, fold_version
FROM callfold.installation
JOIN callfold.generations ON generation = live_generation
