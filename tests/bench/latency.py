"""`latency-1000`: from publishing an event to seeing it in the report, at 1,000 events a second."""

import time
from collections.abc import Callable
from statistics import median

import psycopg

from tests.bench.measurement import Measurement, compare, percentile, significant
from tests.bench.pacing import paced
from tests.bench.probes import Watch, probe_commands, time_probes
from tests.bench.product import Product, product
from tests.bench.raw_redis import RawRedis, packed
from tests.bench.truth import check_installation
from tests.bench.workbench import Workbench

RATE_PER_S = 1_000
#: Events sent at a time: one such frame is due every 5 ms.
FRAME_EVENTS = 5

_WARM_UP_S = 3.0
_FLOOR_TRIES = 200


def latency_1000(bench: Workbench) -> Measurement:
    """Median latency; the 99th percentile stands beside it. Rounds are parts of one run."""
    duration_s = 15.0 if bench.quick else 60.0
    load = bench.load(int(duration_s * RATE_PER_S), frame_events=FRAME_EVENTS)
    bench.servers.empty_redis()
    with product(bench.servers, bench.folder) as running:
        running.start_projectors(1)
        running.start_read_api()
        watch = Watch.open(running.read_api_port, running.api_key())
        floor_ms = _floor_ms(running, watch)
        bench.servers.settle()
        with paced(bench.servers.redis_url, load.read_frames(), RATE_PER_S) as pacer:
            time.sleep(_WARM_UP_S)
            latencies_s = time_probes(bench.servers.redis_url, watch, duration_s - 2 * _WARM_UP_S)
            pacer.finish()
        running.wait_until_caught_up(bench.servers.stream_ends())
        commits, committing_s = running.commits()
        check_installation(running, load, events_beside=len(latencies_s) + 1)
    latencies_ms = [seconds * 1000 for seconds in latencies_s]
    size = len(latencies_ms) // bench.rounds
    parts = [latencies_ms[number * size : (number + 1) * size] for number in range(bench.rounds)]
    beside = {
        "p99_ms": significant(percentile(latencies_ms, 0.99)),
        "worst_ms": significant(max(latencies_ms)),
        "probes": len(latencies_ms),
        "events_per_s": RATE_PER_S,
        "events_per_commit": significant((load.events + len(latencies_s)) / commits),
        "commit_ms": significant(committing_s / commits * 1000),
        "load_late_most_ms": significant(pacer.late_most_s * 1000),
    }
    floor = "XADD, one-row commit and report, one after the other, idle"
    return compare(
        "latency-1000", "ms", floor, [(median(part), floor_ms) for part in parts], beside
    )


def _floor_ms(running: Product, watch: Watch) -> float:
    """What no product could leave out: the medians of three round trips, added up."""
    with (
        RawRedis(running.servers.redis_url) as redis,
        psycopg.connect(running.database_url, autocommit=True) as connection,
    ):
        redis.ask(next(probe_commands()))
        running.wait_until_caught_up(running.servers.stream_ends())
        connection.execute("CREATE TABLE public.one_row AS SELECT 1 AS id, 0 AS number")
        beside_stream = packed(b"XADD", b"bench-floor", b"*", b"event", bytes(350))
        steps: tuple[Callable[[], object], ...] = (
            lambda: redis.ask(beside_stream),
            lambda: connection.execute("UPDATE public.one_row SET number = number + 1"),
            watch.calls,
        )
        return sum(_median_s(step) for step in steps) * 1000


def _median_s(step: Callable[[], object]) -> float:
    taken_s = []
    for _ in range(_FLOOR_TRIES):
        started_s = time.monotonic()
        step()
        taken_s.append(time.monotonic() - started_s)
    return median(taken_s)
