"""Benchmarks of performance.md: `python -m tests.bench`; each measures against something.

`catalog` lists them; each module named for one measures it. What they share: `servers` and
`product` (real processes), `load` (seeded traffic as files), `raw_redis` (pipelined XADD),
`http_load` (requests), `truth` (results are right before they are reported), `measurement`.
"""
