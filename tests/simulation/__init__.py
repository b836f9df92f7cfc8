"""The projector's core under a seeded scheduler: streams, database and clock are in memory.

The engine, the lease keeper, the commit thread, bisection, folding and the cache are the product's
own; what stands in for Redis and PostgreSQL says which statement each of its rules is. Seeds decide
everything, so that a failing run can be had again: `python -m tests.simulation --seed N`.
"""
