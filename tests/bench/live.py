"""`live-1`, `live-2`: projectors in catch-up on preloaded streams, against the ceiling.

Both read the same streams in the same round. The projectors run before the clock does, without
lanes; it starts when they may take them and stops when every lane is committed to its end.
"""

import time
from dataclasses import dataclass
from statistics import median

from tests.bench.ceiling import run_ceiling
from tests.bench.load import Load
from tests.bench.measurement import Measurement, compare, significant
from tests.bench.product import product
from tests.bench.servers import BenchServers
from tests.bench.truth import check_installation
from tests.bench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class CatchUp:
    """One catch-up: how long it took, and who worked how much."""

    taken_s: float
    #: Seconds of CPU of "projectors", "postgres" and "redis"; polling is part of it.
    cpu_s: dict[str, float]
    #: Batches of all projectors, and the seconds that committing them took.
    commits: tuple[int, float]


def live_1(bench: Workbench) -> Measurement:
    """One projector."""
    return _live(bench, "live-1", 1)


def live_2(bench: Workbench) -> Measurement:
    """Two projectors, against the same ceiling of one process."""
    return _live(bench, "live-2", 2)


def _live(bench: Workbench, name: str, projectors: int) -> Measurement:
    load = bench.catch_up_load()
    pairs: list[tuple[float, float]] = []
    rounds: list[CatchUp] = []
    for number in range(1, bench.rounds + 1):
        bench.publish_fresh(load)
        with bench.servers.fresh_database() as database_url:
            ceiling_s = run_ceiling(
                bench.servers.redis_url, database_url, load.events, load.json_bytes
            )
        caught_up = catch_up(bench, load, projectors)
        rounds.append(caught_up)
        pairs.append((load.events / caught_up.taken_s, load.events / ceiling_s))
        bench.note(
            f"{name} round {number}: {pairs[-1][0]:,.0f} events/s,"
            f" ceiling {pairs[-1][1]:,.0f}, ratio {pairs[-1][0] / pairs[-1][1]:.3f}"
        )
    cpu_us = {
        f"{who}_cpu_us_per_event": significant(
            median(one.cpu_s[who] for one in rounds) / load.events * 1e6
        )
        for who in rounds[0].cpu_s
    }
    beside = {
        "events": load.events,
        "events_per_commit": significant(median(load.events / one.commits[0] for one in rounds)),
        "committing_share": significant(
            median(one.commits[1] / one.taken_s / projectors for one in rounds)
        ),
        **cpu_us,
    }
    ceiling = "XREAD + decode + COPY of raw events, one process"
    return compare(name, "events/s", ceiling, pairs, beside)


def catch_up(bench: Workbench, load: Load, projectors: int) -> CatchUp:
    """Fold the preloaded streams into a fresh database and check what came of it."""
    servers = bench.servers
    with product(servers, bench.folder) as running:
        running.hold_lanes()
        running.start_projectors(projectors)
        servers.settle()
        ends = servers.stream_ends()
        before_s = _cpu_s(servers, running.projector_cpu_s())
        started_s = time.monotonic()
        running.release_lanes()
        taken_s = running.wait_until_caught_up(ends) - started_s
        after_s = _cpu_s(servers, running.projector_cpu_s())
        commits = running.commits()
        check_installation(running, load)
    return CatchUp(taken_s, {who: after_s[who] - before_s[who] for who in after_s}, commits)


def _cpu_s(servers: BenchServers, projectors_s: float) -> dict[str, float]:
    return {"projectors": projectors_s, **servers.cpu_s()}
