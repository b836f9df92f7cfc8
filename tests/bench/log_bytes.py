"""`log-bytes`: bytes of the log on disk per event, after a steady load and after catch-up.

Measured as it stands, places of merged segments that no vacuum has given back included.
"""

import time
from dataclasses import dataclass

import psycopg

from tests.bench.latency import FRAME_EVENTS, RATE_PER_S
from tests.bench.load import Load
from tests.bench.measurement import Measurement, compare, significant
from tests.bench.pacing import paced
from tests.bench.product import Product, product
from tests.bench.truth import check_installation
from tests.bench.workbench import Workbench

#: How long the projector may go on merging segments when nothing more comes.
_MERGING_S = 15.0
_SIZES = """
    SELECT
        (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
            WHERE inhparent = 'callfold.log_segments'::regclass),
        (SELECT sum(pg_total_relation_size(oid)) FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'gen_1'::regnamespace),
        pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
        (SELECT count(*) FROM callfold.log_segments)
"""


@dataclass(frozen=True, slots=True)
class _Sizes:
    log_bytes: float
    projections_bytes: float
    wal_bytes: float
    segments: int


def log_bytes(bench: Workbench) -> Measurement:
    """Bytes an event at 1,000 events a second, against the JSON that was published."""
    minutes = 0.3 if bench.quick else 10.0
    steady = bench.load(round(minutes * 60 * RATE_PER_S), frame_events=FRAME_EVENTS)
    caught_up = _after_catch_up(bench, bench.catch_up_load())
    bench.note(f"after catch-up: {caught_up}")
    at_rate = _at_steady_rate(bench, steady)
    beside = {
        "minutes_at_1000_per_s": minutes,
        **{f"at_rate_{name}": number for name, number in at_rate.items()},
        **{f"catch_up_{name}": number for name, number in caught_up.items()},
    }
    pairs = [(at_rate["log_bytes"], steady.json_bytes / steady.events)]
    return compare("log-bytes", "bytes/event", "JSON as published", pairs, beside)


def _after_catch_up(bench: Workbench, load: Load) -> dict[str, float]:
    bench.publish_fresh(load)
    with product(bench.servers, bench.folder) as running:
        before = _sizes(running)
        running.start_projectors(1)
        running.wait_until_caught_up(bench.servers.stream_ends())
        return _per_event(running, before, load)


def _at_steady_rate(bench: Workbench, load: Load) -> dict[str, float]:
    bench.servers.empty_redis()
    bench.servers.settle()
    with product(bench.servers, bench.folder) as running:
        before = _sizes(running)
        running.start_projectors(1)
        with paced(bench.servers.redis_url, load.read_frames(), RATE_PER_S) as pacer:
            pacer.finish()
        running.wait_until_caught_up(bench.servers.stream_ends())
        return _per_event(running, before, load)


def _per_event(running: Product, before: _Sizes, load: Load) -> dict[str, float]:
    """Bytes an event, of entries as read: repetitions count, since the log keeps them."""
    time.sleep(_MERGING_S)
    after = _sizes(running)
    check_installation(running, load)
    return {
        "log_bytes": significant(after.log_bytes / load.events),
        "all_bytes": significant((after.log_bytes + after.projections_bytes) / load.events),
        "wal_bytes": significant((after.wal_bytes - before.wal_bytes) / load.events),
        "events_per_segment": significant(load.events / after.segments),
    }


def _sizes(running: Product) -> _Sizes:
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        row = connection.execute(_SIZES).fetchone()
    log, projections, wal, segments = row or (0, 0, 0, 0)
    return _Sizes(float(log or 0), float(projections or 0), float(wal), int(segments))
