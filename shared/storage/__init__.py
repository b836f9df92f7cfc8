"""Where it is kept: PostgreSQL is the log of record and holds all projections; the only SQL.

`tables` says what there is; `migrations` owns what is no generation, `generations` what is one.
Writing: `log` (segments), `lanes` (leases and cursors), `commits` (one transaction per batch).
Reading: `subjects` (states), `report_queries` (reports), `sql/` (one file per question).
"""
