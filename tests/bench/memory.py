"""`memory`: what a projector holds with 100,000 open calls, and after a catch-up on top of them."""

import time

from tests.bench.call_events import open_calls
from tests.bench.load import FRAME_EVENTS, Load, write_frames
from tests.bench.measurement import Measurement, compare, significant
from tests.bench.product import Product, product
from tests.bench.truth import check_installation
from tests.bench.workbench import Workbench

_CALLS_FULL = 100_000
_CALLS_QUICK = 20_000
_EXECUTION_ID = "execution-open"
_SETTLE_S = 2.0
_MB = 1_000_000


def memory(bench: Workbench) -> Measurement:
    """Peak of resident memory over both, against the projector that has done nothing yet."""
    calls = _CALLS_QUICK if bench.quick else _CALLS_FULL
    opened, later = _open_load(bench, calls), bench.catch_up_load()
    bench.servers.empty_redis()
    with product(bench.servers, bench.folder) as running:
        running.start_projectors(1)
        idle_mb = running.projector_rss_bytes() / _MB
        with_open_mb = _fold(bench, running, opened)
        bench.note(f"idle {idle_mb:.0f} MB, with {calls:,} open calls {with_open_mb:.0f} MB")
        after_mb = _fold(bench, running, later)
        peak_mb = running.projector_peak_rss_bytes() / _MB
        check_installation(running, opened, later)
    beside = {
        "open_calls": calls,
        "with_open_calls_mb": significant(with_open_mb),
        "events_of_catch_up": later.events,
        "after_catch_up_mb": significant(after_mb),
    }
    return compare("memory", "MB", "projector that folded nothing", [(peak_mb, idle_mb)], beside)


def _open_load(bench: Workbench, calls: int) -> Load:
    path = bench.folder / "open-calls"
    frames, events, json_bytes = write_frames(path, open_calls(_EXECUTION_ID, calls), FRAME_EVENTS)
    call_metrics = {"totalCalls": calls, "connected": 0, "answered": 0, "failed": 0}
    return Load(path, frames, events, json_bytes, {_EXECUTION_ID: {"callMetrics": call_metrics}})


def _fold(bench: Workbench, running: Product, load: Load) -> float:
    """Publish to the running projector and wait; returns its resident memory afterwards, in MB."""
    load.publish(bench.servers.redis_url)
    running.wait_until_caught_up(bench.servers.stream_ends())
    time.sleep(_SETTLE_S)
    return running.projector_rss_bytes() / _MB
