"""`rebuild`, `rebuild-live`: how fast a generation is built, and what live traffic feels of it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from statistics import median
from threading import Event, Thread

import msgspec

from tests.bench.ceiling import run_ceiling
from tests.bench.latency import FRAME_EVENTS, RATE_PER_S
from tests.bench.load import Load
from tests.bench.measurement import Measurement, compare, percentile, significant
from tests.bench.pacing import paced
from tests.bench.probes import Watch, probe_commands, time_probes
from tests.bench.product import Product, product
from tests.bench.raw_redis import RawRedis
from tests.bench.workbench import Workbench

_PROCESSES = 2
_WARM_UP_S = 3.0
_LOG_EVENTS = 200_000
_LOG_EVENTS_QUICK = 60_000


class _Outcome(msgspec.Struct, rename="camel"):
    generation: int
    events: int
    seconds: float


def rebuild(bench: Workbench) -> Measurement:
    """Into a new generation, written back and compared, by two processes and nothing beside."""
    load = bench.catch_up_load()
    pairs: list[tuple[float, float]] = []
    with product(bench.servers, bench.folder) as running:
        _fold(bench, running, load)
        running.stop()
        for number in range(1, bench.rounds + 1):
            with bench.servers.fresh_database() as database_url:
                ceiling_s = run_ceiling(
                    bench.servers.redis_url, database_url, load.events, load.json_bytes
                )
            bench.servers.settle()
            outcome = _rebuild(running)
            pairs.append((outcome.events / outcome.seconds, load.events / ceiling_s))
            bench.note(f"rebuild round {number}: {pairs[-1][0]:,.0f} events/s")
    ceiling = "XREAD + decode + COPY of raw events, one process"
    return compare("rebuild", "events/s", ceiling, pairs, {"events": load.events})


def rebuild_live(bench: Workbench) -> Measurement:
    """The 99th percentile of latency at 1,000 events a second, with and without a rebuild."""
    rebuilt: list[int] = []
    pairs = []
    for number in range(1, bench.rounds + 1):
        without_ms, with_ms = _p99_ms(bench, None), _p99_ms(bench, rebuilt)
        pairs.append((with_ms, without_ms))
        bench.note(f"rebuild-live round {number}: {with_ms:.0f} against {without_ms:.0f} ms")
    beside = {"rebuilds": len(rebuilt), "events_of_one": significant(median(rebuilt))}
    return compare("rebuild-live", "ms", "the same without a rebuild", pairs, beside)


def _p99_ms(bench: Workbench, rebuilt: list[int] | None) -> float:
    """One run on a fresh installation; beside rebuilds, if their sizes are to be noted."""
    duration_s = 12.0 if bench.quick else 30.0
    paced_load = bench.load(int(duration_s * RATE_PER_S), frame_events=FRAME_EVENTS)
    log = bench.load(_LOG_EVENTS_QUICK if bench.quick else _LOG_EVENTS)
    with product(bench.servers, bench.folder) as running:
        _fold(bench, running, log)
        running.start_read_api()
        watch = Watch.open(running.read_api_port, running.api_key())
        with RawRedis(bench.servers.redis_url) as redis:
            redis.ask(next(probe_commands()))
        running.wait_until_caught_up(bench.servers.stream_ends())
        bench.servers.settle()
        with (
            nullcontext() if rebuilt is None else _rebuilding(running, rebuilt),
            paced(bench.servers.redis_url, paced_load.read_frames(), RATE_PER_S) as pacer,
        ):
            time.sleep(_WARM_UP_S)
            latencies_s = time_probes(bench.servers.redis_url, watch, duration_s - 2 * _WARM_UP_S)
            pacer.finish()
    return percentile(latencies_s, 0.99) * 1000


def _fold(bench: Workbench, running: Product, load: Load) -> None:
    bench.publish_fresh(load)
    running.start_projectors(1)
    running.wait_until_caught_up(bench.servers.stream_ends())


def _rebuild(running: Product) -> _Outcome:
    """Build and compare, then drop what was built."""
    keep = ("rebuild", "--keep", "--processes", str(_PROCESSES))
    outcome = msgspec.json.decode(_callfold(running, *keep), type=_Outcome)
    _callfold(running, "drop", str(outcome.generation))
    return outcome


def _callfold(running: Product, *arguments: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "services.tooling", *arguments, "--json"],
        env={**os.environ, "CALLFOLD_DATABASE_URL": running.database_url},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


@contextmanager
def _rebuilding(running: Product, done: list[int]) -> Iterator[None]:
    """One rebuild after the other; the last one ends before the block does."""
    enough = Event()

    def rebuild_all() -> None:
        while not enough.is_set():
            done.append(_rebuild(running).events)

    thread = Thread(target=rebuild_all)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
