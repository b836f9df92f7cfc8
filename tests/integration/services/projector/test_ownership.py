"""Lanes among real projectors: spread, moved within seconds, one owner each, no zombie's write."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg
import pytest
import redis

from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from tests.installation import Installation, installation, until
from tests.integration.services.projector.lanes_at_hand import (
    archived,
    call,
    column,
    publish,
    rows,
    start_ready,
)

_LANES = PARTITIONS_DEFAULT + 1
#: A lease of 1.5 s, a beat, and what a busy machine adds.
_MOVED_S = 6.0
#: The database frees what a stopped process holds within a transaction after ten seconds.
_FREED_S = 20.0


@pytest.fixture
def running(redis_url: str, database_url: str) -> Iterator[Installation]:
    """An installation whose projectors a test starts and ends."""
    with installation(redis_url, database_url) as started:
        yield started


def shares(running: Installation) -> list[int]:
    """How many lanes each owner has, the largest first; expired leases are nobody's."""
    owners = column(
        running.database_url,
        "SELECT owner FROM callfold.leases WHERE owner IS NOT NULL AND expires_at > now()",
    )
    return sorted(Counter(owners).values(), reverse=True)


def wait_for_shares(running: Installation, *expected: int, within_s: float = _MOVED_S) -> float:
    """Wait until lanes are spread so; returns how long it took, in seconds."""
    started_s = time.monotonic()
    until(lambda: list(expected) == shares(running), f"lanes are spread {expected}", within_s)
    return time.monotonic() - started_s


@contextmanager
def watched_leases(database_url: str) -> Iterator[None]:
    """Look at all leases all the time: epochs only grow, and an epoch has one owner."""
    owners: dict[tuple[int, int], str] = {}
    newest: dict[int, int] = {}
    faults: list[str] = []
    done = Event()

    def watch() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not done.wait(0.02):
                for lane, epoch, owner in connection.execute(
                    "SELECT lane, epoch, owner FROM callfold.leases"
                ):
                    if epoch < newest.get(lane, 0):
                        faults.append(f"lane {lane}: epoch {epoch} after {newest[lane]}")
                    newest[lane] = epoch
                    if owner is not None and owners.setdefault((lane, epoch), owner) != owner:
                        faults.append(f"lane {lane}, epoch {epoch}: two owners")

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert _LANES <= len(owners)
    assert [] == faults


def test_lanes_follow_projectors_that_join_and_die(running: Installation) -> None:
    """Each has its fair share within seconds, whoever comes, and whoever is killed."""
    first = start_ready(running)
    wait_for_shares(running, 17)
    with watched_leases(running.database_url):
        second = start_ready(running)
        wait_for_shares(running, 9, 8)
        start_ready(running)
        wait_for_shares(running, 6, 6, 5)
        running.kill(second.process)
        wait_for_shares(running, 9, 8)
        running.kill(first.process)
        wait_for_shares(running, 17)


def test_projector_that_is_told_to_end_gives_its_lanes_back_at_once(running: Installation) -> None:
    """No lease has to run out, and nobody is suspected to have died."""
    leaving, _ = (start_ready(running, lease_ms="20000") for _ in range(2))
    wait_for_shares(running, 9, 8, within_s=20)
    leaving.process.send_signal(signal.SIGTERM)
    assert 0 == leaving.process.wait(timeout=10)
    running.processes.remove(leaving.process)
    free = column(running.database_url, "SELECT lane FROM callfold.leases WHERE owner IS NULL")
    taken_s = wait_for_shares(running, 17, within_s=15)

    assert free or taken_s < 1
    assert {0} == set(column(running.database_url, "SELECT unclean_deaths FROM callfold.leases"))


@pytest.mark.faults
def test_stopped_owner_that_goes_on_counts_nothing_twice(running: Installation) -> None:
    """While it slept longer than its lease, others took its lanes; what it had folded is void."""
    projectors = [start_ready(running) for _ in range(2)]
    wait_for_shares(running, 9, 8)
    published = _Charges(running.redis_url)
    with watched_leases(running.database_url), published.flowing():
        time.sleep(1)
        stopped = projectors[0].process
        stop_between_statements(running, stopped)
        try:
            wait_for_shares(running, 17, within_s=_FREED_S)
            time.sleep(0.3)
        finally:
            stopped.send_signal(signal.SIGCONT)
        wait_for_shares(running, 9, 8)
    running.wait_until_folded()

    assert [None, None] == [projector.process.poll() for projector in projectors]
    assert [(published.count,)] == rows(
        running.database_url, "SELECT sum(charges) FROM gen_1.cost_tallies"
    )
    assert published.count == sum(
        len(archived(running.database_url, lane)) for lane in range(PARTITIONS_DEFAULT)
    )
    with connect(running.database_url, "test") as connection:
        assert [] == contributions_that_differ(connection, 1)


def stop_between_statements(running: Installation, process: subprocess.Popen[bytes]) -> None:
    """Stop a projector, though not while it copies rows: nothing but its end frees that lane."""
    for _ in range(50):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)  # the database finishes what it was sent
        copying = column(
            running.database_url,
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND wait_event = 'ClientRead'",
        )
        if not copying:
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    pytest.fail("the projector was always copying")


class _Charges:
    """Charges that flow all the time, each an event of its own."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._done = Event()
        self.count = 0

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Publish some 2,000 a second until the block ends."""
        flow = Thread(target=self._flow)
        flow.start()
        try:
            yield
        finally:
            self._done.set()
            flow.join()

    def _flow(self) -> None:
        with redis.Redis.from_url(self._redis_url) as client:
            while not self._done.wait(0.02):
                numbers = range(self.count, self.count + 40)
                publish(
                    client,
                    (
                        call(
                            f"charged-{number % 100}",
                            id=str(number),
                            type="call.charged",
                            data={"amount": 1},
                        )
                        for number in numbers
                    ),
                )
                self.count += 40
