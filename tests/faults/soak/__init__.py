"""F27, the soak: an installation under traffic and random faults for an hour, judged all the time.

`python -m tests.faults.soak` (`make soak`) starts servers and processes of its own; the same seed
draws the same campaigns and faults. `Chapter` says what is published, `Publishing` publishes it,
`faults` injects, `Sampler` watches processes and leases, `judge` compares every execution with the
reference model in a process of its own, `verdict` says at the end whether all held.
"""
