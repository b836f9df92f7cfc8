"""`replay`: the whole command for one call, out of a log of ten million events."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg

from shared.storage.connection import connect
from shared.storage.log import INSERT_SEGMENT, Log, as_row
from shared.storage.segments import Segment, archived_entries, pack
from tests.bench.load import ORGANIZATION_ID
from tests.bench.measurement import Measurement, compare
from tests.bench.product import Product, product
from tests.bench.truth import WrongResultError
from tests.bench.workbench import Workbench

_EVENTS_FULL = 10_000_000
_EVENTS_QUICK = 1_000_000
_APART_MS = 10_000_000_000  #: between two copies of the log, which stay in the years of dates
_EXECUTION_CALL = "SELECT attempt_id FROM gen_1.attempts WHERE kind = 'call' ORDER BY 1 LIMIT 1"


def replay(bench: Workbench) -> Measurement:
    """Seconds from the shell's prompt to its next, against a command that reads nothing."""
    load = bench.catch_up_load()
    wanted = _EVENTS_QUICK if bench.quick else _EVENTS_FULL
    with product(bench.servers, bench.folder) as running:
        bench.publish_fresh(load)
        running.start_projectors(1)
        running.wait_until_caught_up(bench.servers.stream_ends())
        running.stop()
        events = _lengthen(running, wanted)
        bench.note(f"the log holds {events:,} events")
        with psycopg.connect(running.database_url) as connection:
            row = connection.execute(_EXECUTION_CALL).fetchone()
        assert row is not None
        call = ("replay", "call", str(row[0]), "--organization", ORGANIZATION_ID)
        bench.servers.settle()
        pairs = [
            (_taken_s(running, *call), _taken_s(running, "--version")) for _ in range(bench.rounds)
        ]
    return compare("replay", "s", "callfold --version", pairs, {"events": events})


def _lengthen(running: Product, wanted: int) -> int:
    """Repeat the log, later and later, until it holds so many events; returns how many."""
    with connect(running.database_url, "bench") as connection:
        log = Log(connection, 0)
        lanes = connection.execute("SELECT lane FROM callfold.lanes WHERE lane >= 0").fetchall()
        segments = [segment for (lane,) in lanes for segment in log.segments(lane, (0, 0))]
        events = once = sum(segment.events for segment in segments)
        for number in range(1, -(-wanted // once)):
            with connection.transaction():
                for later in _later(segments, number * _APART_MS):
                    log._prepare_month(later.first_ms)
                    connection.execute(INSERT_SEGMENT, as_row(later))
            events += once
        connection.execute("VACUUM ANALYZE callfold.log_segments")
    return events


def _later(segments: list[Segment], apart_ms: int) -> Iterator[Segment]:
    for segment in segments:
        archived = [
            (ms + apart_ms, seq, mode, kept, checksum, None, None)
            for ms, seq, mode, kept, checksum in archived_entries(segment)
        ]
        later = pack(segment.partition, segment.partitions, archived, [(len(archived), 0)])
        yield later._replace(organizations=segment.organizations, sources=segment.sources)


def _taken_s(running: Product, *arguments: str) -> float:
    started_s = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "services.tooling", *arguments],
        env={**os.environ, "CALLFOLD_DATABASE_URL": running.database_url},
        stdout=subprocess.PIPE,
        check=True,
    )
    taken_s = time.monotonic() - started_s
    if not ended.stdout:
        raise WrongResultError(f"{arguments} printed nothing")
    return taken_s
