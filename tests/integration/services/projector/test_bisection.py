"""The one event that the database refuses, or that kills the process, is found and parked."""

import time
from collections.abc import Iterator

import psycopg
import pytest
import redis

from shared.contracts.stream_names import partition_of
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.schema import migrate
from tests.command_line import run_callfold
from tests.installation import Installation, installation, until
from tests.integration.services.projector.lanes_at_hand import (
    call,
    calls,
    change,
    column,
    metric,
    parked,
    publish,
    rows,
    start_ready,
)

#: Two in lanes of their own, amid hundreds of good ones.
_POISONED = ("call-217", "call-431")
_CALLS = [f"call-{number}" for number in range(600)]


@pytest.fixture
def laid_out(database_url: str) -> str:
    """A database that is laid out before any projector starts."""
    migrate(database_url, PARTITIONS_DEFAULT)
    return database_url


@pytest.fixture
def running(redis_url: str, laid_out: str) -> Iterator[Installation]:
    """An installation whose projectors a test starts."""
    with installation(redis_url, laid_out) as started:
        yield started


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


def initiated(call_id: str, from_number: str) -> dict[str, object]:
    """A call's first event."""
    data = {"from": from_number, "to": "2"}
    return call(call_id, id=f"{call_id}-begins", type="call.initiated", data=data)


def lane_of(call_id: str) -> int:
    """The partition of a call."""
    return partition_of(call_id, PARTITIONS_DEFAULT)


def test_events_that_the_database_refuses_are_parked_alone(
    running: Installation, client: redis.Redis
) -> None:
    """All around them count, the refused calls' other events too, and batches grow again."""
    change(
        running.database_url,
        "ALTER TABLE gen_1.attempts ADD CONSTRAINT t CHECK (from_number IS DISTINCT FROM 'poison')",
    )
    publish(client, (initiated(c, "poison" if c in _POISONED else "1") for c in _CALLS))
    publish(client, (call(c) for c in _CALLS))
    projector = start_ready(running)
    running.wait_until_folded()
    refused = metric(projector.probes_url, 'callfold_commits_total{result="CheckViolation"}')
    committed = metric(projector.probes_url, 'callfold_commits_total{result="ok"}')
    publish(client, (call(c, id=f"{c}-again", type="call.ringing") for c in _CALLS))
    running.wait_until_folded()

    assert lane_of(_POISONED[0]) != lane_of(_POISONED[1])
    for poisoned in _POISONED:
        ((reason, entries, event_type, body),) = parked(running.database_url, poisoned)
        assert ("database_refused", 1, "call.initiated") == (reason, entries, event_type)
        assert f"{poisoned}-begins".encode() in body
    assert 2 == len(column(running.database_url, "SELECT 1 FROM callfold.parked_events"))
    assert sorted(_CALLS) == calls(running.database_url, "call-")
    froms = rows(
        running.database_url, "SELECT from_number, count(*) FROM gen_1.attempts GROUP BY 1"
    )
    assert {("1", 598), (None, 2)} == set(froms)
    with psycopg.connect(running.database_url) as connection:
        assert [] == contributions_that_differ(connection, 1)
    # Halves of 1,200 down to each of the two, and doubles up again; no half beside another.
    assert refused <= 15
    assert committed <= 40


def test_events_refused_while_the_log_is_followed_are_parked_alone(
    running: Installation, client: redis.Redis
) -> None:
    """After a breaker too: what was archived meanwhile is bisected like what is read."""
    _open_breaker(running, "by hand")
    change(
        running.database_url,
        "ALTER TABLE gen_1.attempts ADD CONSTRAINT t CHECK (from_number IS DISTINCT FROM 'poison')",
    )
    publish(client, (initiated(c, "poison" if c in _POISONED else "1") for c in _CALLS))
    publish(client, (call(c) for c in _CALLS))
    projector = start_ready(running)
    until(lambda: _archived(running) == 2 * len(_CALLS), "all are archived")
    assert [] == column(running.database_url, "SELECT 1 FROM callfold.parked_events")
    _open_breaker(running, None)
    running.wait_until_folded()

    for poisoned in _POISONED:
        ((reason, entries, event_type, body),) = parked(running.database_url, poisoned)
        assert ("database_refused", 1, "call.initiated") == (reason, entries, event_type)
        assert f"{poisoned}-begins".encode() in body
    assert 2 == len(column(running.database_url, "SELECT 1 FROM callfold.parked_events"))
    assert sorted(_CALLS) == calls(running.database_url, "call-")
    with psycopg.connect(running.database_url) as connection:
        assert [] == contributions_that_differ(connection, 1)
    assert projector.process.poll() is None
    refused = metric(projector.probes_url, 'callfold_commits_total{result="CheckViolation"}')
    assert refused <= 20
    rebuilt = run_callfold("rebuild", "--json", database_url=running.database_url)
    assert 0 == rebuilt.returncode, rebuilt.stdout + rebuilt.stderr


def test_event_that_kills_while_the_log_is_followed_is_parked(
    running: Installation, client: redis.Redis
) -> None:
    """Deaths count there as well, and once: the entries after it are not condemned with it."""
    deadly = next(c for c in _CALLS if lane_of(c) == 3)
    _open_breaker(running, "by hand")
    publish(client, [call(deadly, id=str(n), type="call.ringing") for n in range(5)])
    first = start_ready(running)
    until(lambda: _archived(running) == 5, "all are archived")
    first.process.terminate()
    assert 0 == first.process.wait(timeout=20)
    running.processes.clear()
    _open_breaker(running, None)
    change(running.database_url, "UPDATE callfold.leases SET unclean_deaths = 5 WHERE lane = 3")
    start_ready(running)
    running.wait_until_folded()

    ((reason, entries, _, body),) = parked(running.database_url, deadly)
    assert ("crashed", 1) == (reason, entries)
    assert b'"id":"0"' in body
    assert [deadly] == calls(running.database_url, "call-")


def _open_breaker(running: Installation, reason: str | None) -> None:
    """Let all lanes only archive, or fold again."""
    change(running.database_url, "UPDATE callfold.leases SET archive_only = %s", reason)


def _archived(running: Installation) -> int:
    """Events in the log."""
    statement = "SELECT coalesce(sum(events), 0)::int FROM callfold.log_segments"
    (events,) = column(running.database_url, statement)
    return int(events)


def test_event_at_hand_when_the_process_died_again_and_again_is_parked(
    running: Installation, client: redis.Redis
) -> None:
    """Of the lane that its owners died of, the first waiting entry, and of no other lane any."""
    deadly, other = (next(c for c in _CALLS if lane_of(c) == lane) for lane in (3, 5))
    publish(client, [call(deadly, id=str(n), type="call.ringing") for n in range(3)])
    publish(client, [call(other, id=str(n), type="call.ringing") for n in range(3)])
    change(
        running.database_url,
        "UPDATE callfold.leases SET unclean_deaths = CASE WHEN lane IN (3, 4) THEN 5 ELSE 4 END",
    )
    start_ready(running)
    running.wait_until_folded()
    publish(client, [call(deadly, id="later", type="call.answered")])
    nobody = next(c for c in _CALLS if lane_of(c) == 4)
    publish(client, [call(nobody)])
    running.wait_until_folded()

    ((reason, entries, _, body),) = parked(running.database_url, deadly)
    assert ("crashed", 1) == (reason, entries)
    assert b'"id":"0"' in body
    assert 1 == len(column(running.database_url, "SELECT 1 FROM callfold.parked_events"))
    assert sorted([deadly, other, nobody]) == calls(running.database_url, "call-")
    until(
        lambda: (
            {0} == set(column(running.database_url, "SELECT unclean_deaths FROM callfold.leases"))
        ),
        "the deaths are forgotten",
    )


@pytest.mark.faults
def test_kill_alone_parks_nothing(running: Installation, client: redis.Redis) -> None:
    """Deaths amid a batch that never came through make batches small; then all of it counts."""
    with psycopg.connect(running.database_url) as blocking:
        blocking.execute("LOCK TABLE gen_1.attempt_tallies IN SHARE MODE")
        publish(client, (call(c) for c in _CALLS))
        for deaths in (1, 2):
            projector = running.start_projector()
            until(lambda: _waiting(running), "the batch hangs in its commit")
            running.kill(projector)
            until(lambda: not _waiting(running), "its transaction is gone")
            time.sleep(1.6)  # its leases run out
            assert deaths - 1 == _most_deaths(running)
    start_ready(running)
    running.wait_until_folded()

    assert [] == column(running.database_url, "SELECT reason FROM callfold.parked_events")
    assert sorted(_CALLS) == calls(running.database_url, "call-")


def _waiting(running: Installation) -> bool:
    """Whether a commit waits for the lock."""
    return bool(
        column(
            running.database_url,
            "SELECT 1 FROM pg_stat_activity WHERE starts_with(application_name, 'callfold commits')"
            " AND datname = current_database() AND wait_event_type = 'Lock'",
        )
    )


def _most_deaths(running: Installation) -> int:
    return int(max(column(running.database_url, "SELECT unclean_deaths FROM callfold.leases")))
