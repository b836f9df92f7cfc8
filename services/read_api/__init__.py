"""Reports over HTTP: one package for each vendor's interface, `app` puts them together.

A request passes `edge` (its path as sent), `identity.admission` (whose it is, how often it asks)
and `requests` to the `routes` of its interface; `reports` there reads by the queries of
`shared.storage` and the arithmetic of `shared.reports`, through the cache in `reading` where one
execution decides. Whatever stands in its way is a `Refusal`, which the interface words in its
`error_shape`; `documents` says all of it to machines and people.
"""
