"""`callfold verify`: a second opinion on every figure, and on the log and states beneath it.

`command` is the command, `verification` one run; `recomputation` computes the figures anew from
the events, in SQL and without any code of the folds, projections and reports.
"""
