"""F18: one tenant's garbage, of each kind and at a high rate, beside another tenant's calls."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
import redis

from shared.contracts.stream_names import INBOX_STREAM, partition_of, partition_stream
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.lanes import open_breakers
from tests.bench.measurement import percentile
from tests.contract.wire import changed, padded, structured
from tests.faults.tally import FaultRow, FaultTally
from tests.installation import installation
from tests.integration.services.projector.lanes_at_hand import (
    change,
    rows,
    start_ready,
    stream_of,
)

_RATE_PER_S = 100
_SECONDS = 6.0
#: Where an event waits longer than this beside nothing at all, nothing can be measured.
_QUIET_S = 0.5
#: What garbage may add to the delay of another tenant's event.
_ADDED_S = 1.0

Entry = tuple[str, list[bytes]]
Garbage = Callable[[int], Entry]


def _home(number: int) -> str:
    return partition_stream(number % PARTITIONS_DEFAULT)


def _unreadable(number: int) -> Entry:
    return _home(number), structured(b"garbage %d" % number)


def _huge(number: int) -> Entry:
    return _home(number), structured(b"%d" % number + padded(2**20))


def _with_nul(number: int) -> Entry:
    said = changed(id=str(number), type="call.ended", data={"error": "\0"}, organizationid="a")
    return _home(number), structured(said)


def _misrouted(number: int) -> Entry:
    said = changed(id=str(number), subject=f"a-{number}", organizationid="a")
    home = partition_of(said["subject"], PARTITIONS_DEFAULT)
    return partition_stream((home + 1) % PARTITIONS_DEFAULT), structured(said)


def _without_subject(number: int) -> Entry:
    return INBOX_STREAM, structured(b'{"number":%d}' % number)


def _conflicting(number: int) -> Entry:
    call = f"a-conflict-{number % 500}"
    said = changed(id="the same", subject=call, organizationid="a", data={"error": str(number)})
    return stream_of(call), structured(said)


def _refused(number: int) -> Entry:
    data = {"from": "poison", "to": "2"}
    said = changed(
        id="r", type="call.initiated", subject=f"a-refused-{number}", data=data, organizationid="a"
    )
    return stream_of(said["subject"]), structured(said)


#: Kind → its entries, and how many a second.
_GARBAGE: dict[str, tuple[Garbage | None, int]] = {
    "none": (None, 1),
    "unreadable": (_unreadable, 1_000),
    "1 MiB": (_huge, 10),
    "NUL": (_with_nul, 500),
    "misrouted": (_misrouted, 300),
    "no subject": (_without_subject, 500),
    "conflicting": (_conflicting, 300),
    "refused": (_refused, 1),
    "none again": (None, 1),
}


@contextmanager
def flooded(redis_url: str, garbage: Garbage | None, rate_per_s: int) -> Iterator[list[int]]:
    """Garbage in frames, ten a second at most; gives how many entries were added."""
    added, over = [0], Event()

    def flood() -> None:
        numbers = itertools.count()
        with redis.Redis.from_url(redis_url) as client:
            while garbage is not None and not over.wait(max(0.1, 1 / rate_per_s)):
                pipeline: Any = client.pipeline(transaction=False)
                for number in itertools.islice(numbers, max(1, rate_per_s // 10)):
                    stream, fields = garbage(number)
                    pipeline.execute_command("XADD", stream, "*", *fields)
                added[0] += len(pipeline.execute())

    thread = Thread(target=flood, name="garbage")
    thread.start()
    try:
        yield added
    finally:
        over.set()
        thread.join()


def delays_s(redis_url: str, database_url: str, word: str) -> list[float]:
    """Publish calls of another tenant at a steady rate; how long until each is to be seen."""
    published: dict[str, float] = {}
    seen: dict[str, float] = {}
    calls = int(_RATE_PER_S * _SECONDS)
    deadline_s = time.monotonic() + _SECONDS + 60
    with (
        redis.Redis.from_url(redis_url) as client,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        began_s = time.monotonic()
        while len(seen) < calls and time.monotonic() < deadline_s:
            due = min(calls, int((time.monotonic() - began_s) * _RATE_PER_S) + 1)
            for number in range(len(published), due):
                call = f"b-{word}-{number}"
                event = structured(changed(id=call, subject=call, organizationid="b"))
                published[call] = time.monotonic()
                client.execute_command("XADD", stream_of(call), "*", *event)
            waiting = [call for call in published if call not in seen]
            found = connection.execute(
                "SELECT attempt_id FROM gen_1.attempts"
                " WHERE organization_id = 'b' AND attempt_id = ANY(%s)",
                (waiting,),
            ).fetchall()
            seen |= dict.fromkeys((row[0] for row in found), time.monotonic())
            time.sleep(0.005)
    assert calls == len(seen), f"{word}: {calls - len(seen)} calls were never seen"
    return [seen[call] - at_s for call, at_s in published.items()]


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_garbage_of_one_tenant_delays_no_event_of_another(
    redis_url: str, database_url: str, tally: FaultTally
) -> None:
    """Each kind at a high rate beside 100 calls a second: 99 of 100 lose less than a second.

    What a loaded machine adds by itself is measured without garbage, before and afterwards.
    """
    figures: dict[str, list[float]] = {}
    injected: dict[str, int] = {}
    with installation(redis_url, database_url) as running:
        start_ready(running)
        change(
            database_url,
            "ALTER TABLE gen_1.attempts ADD CONSTRAINT t"
            " CHECK (from_number IS DISTINCT FROM 'poison')",
        )
        for word, (garbage, rate_per_s) in _GARBAGE.items():
            with flooded(redis_url, garbage, rate_per_s) as added:
                figures[word] = delays_s(redis_url, database_url, word)
            injected[word] = added[0]
            if word == "none" and percentile(figures[word], 0.99) > _QUIET_S:
                pytest.skip(f"this machine needs over {_QUIET_S} s without any garbage")
            running.wait_until_folded(120)
        with connect(database_url, "test") as connection:
            assert {} == open_breakers(connection)
            assert [] == contributions_that_differ(connection, 1)
    assert [(injected["refused"],)] == rows(
        database_url, "SELECT count(*) FROM callfold.parked_events WHERE reason LIKE 'database%%'"
    )
    report = {
        word: f"p99 {percentile(found, 0.99):.3f} s, worst {max(found):.3f} s, {injected[word]}"
        for word, found in figures.items()
    }
    quiet_s = max(percentile(figures[word], 0.99) for word in ("none", "none again"))
    for word, found in figures.items():
        assert percentile(found, 0.99) < quiet_s + _ADDED_S, f"{word}: {report}"
        events = len(found)
        row = FaultRow(runs=1, injected=injected[word], events=events, recoveries_s=[max(found)])
        tally.add(f"F18 beside {word}", replace(row))
