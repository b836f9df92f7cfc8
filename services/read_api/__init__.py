"""Reports over HTTP: one file of routes per vendor interface.

A request passes `edge` (path, metrics), its routes (`program_execution`), `authentication`, and
`fresh_reports`: what `report_cache` keeps, or what `program_execution_reports` reads by the queries
of `shared.storage.report_queries` and the arithmetic of `shared.reports`. `answers` sends it.
Whatever stands in its way is a `Refusal`, which each interface words in its vendor's shape.
"""
