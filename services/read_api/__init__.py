"""Reports over HTTP: one file of routes per vendor interface.

A request passes `edge` (path, metrics), its routes (`program_execution`), `authentication`, the
queries of `shared.storage.report_queries`, the arithmetic of `shared.reports`, and `answers`.
Whatever stands in its way is a `Refusal`, which each interface words in its vendor's shape.
"""
