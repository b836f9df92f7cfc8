"""A release whose folds fail must not park a day: its lanes archive until an operator says more."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import redis

from services.projector.app import Projector
from services.projector.bisection import FAULTS_A_MINUTE
from shared.contracts.stream_names import INBOX_LANE, partition_of, partition_stream
from shared.limits import PARTITIONS_DEFAULT
from shared.projections import folding
from shared.storage.connection import connect
from shared.storage.lanes import open_breakers
from shared.storage.schema import migrate
from tests.command_line import run_callfold
from tests.contract.wire import changed, structured
from tests.installation import Installation, until
from tests.integration.services.projector.lanes_at_hand import (
    add,
    call,
    calls,
    column,
    publish,
    rows,
    stream_of,
)
from tests.integration.services.projector.projector_threads import projector_threads

Start = Callable[[], AbstractContextManager[Projector]]
_LANES = range(PARTITIONS_DEFAULT)


@pytest.fixture
def start(installed: Installation) -> Start:
    """Start a projector."""
    return partial(projector_threads, installed.redis_url, installed.database_url)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def bad_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Folding any contact fails, until the function is called that this gives."""

    def fail(_state: Any, event: Any) -> Any:
        raise ZeroDivisionError(f"a bad release folds {event.subject}")

    with monkeypatch.context() as patch:
        patch.setitem(folding._EVOLVE, "contact", fail)
        yield patch.undo


def contact(name: str) -> dict[str, Any]:
    """An event that the bad release cannot fold."""
    return changed(id=name, subject=name, type="contact.enrolled")


def folded(installed: Installation) -> list[str]:
    """Ids of the contacts that are folded."""
    return column(
        installed.database_url, "SELECT contact_id FROM gen_1.contacts ORDER BY contact_id"
    )


def reasons(installed: Installation) -> list[tuple[str, int]]:
    """What is parked, by reason."""
    return rows(
        installed.database_url,
        "SELECT reason, count(*) FROM callfold.parked_events GROUP BY 1 ORDER BY 1",
    )


def wait_until_archived(installed: Installation, events: int) -> None:
    """Wait until the log holds so many events."""
    query = "SELECT coalesce(sum(events), 0) FROM callfold.log_segments"
    until(lambda: column(installed.database_url, query) == [events], f"{events} are archived")


def release(installed: Installation) -> list[int]:
    """What the operator does once the release is repaired; it leaves an audit row."""
    command = ("breaker", "release", "--as", "night shift", "--json")
    done = run_callfold(*command, database_url=installed.database_url)
    assert 0 == done.returncode, done.stderr
    audit = "SELECT who || ', ' || command || ', ' || outcome FROM callfold.audit"
    assert ["night shift, breaker release, done"] == column(installed.database_url, audit)
    return [int(lane) for lane in json.loads(done.stdout)["released"]]


def test_events_that_fail_one_by_one_are_parked_until_the_breaker_opens(
    installed: Installation,
    client: redis.Redis,
    start: Start,
    bad_release: Callable[[], None],
) -> None:
    """The fault that opens it is archived already; nothing that comes then is parked or lost."""
    names = [f"contact-{number:02d}" for number in range(FAULTS_A_MINUTE)]
    with start() as projector:
        for number, name in enumerate(names, start=1):
            publish(client, [contact(name)])
            wait_until_archived(installed, number)
        until(lambda: open_lanes(installed) == [*_LANES], "the breaker is open")
        later = [f"later-{number:02d}" for number in range(30)]
        publish(client, [contact(name) for name in later])
        publish(client, [call(f"call-{number}") for number in range(30)])
        wait_until_archived(installed, FAULTS_A_MINUTE + 60)

        assert [("fold_failed", FAULTS_A_MINUTE - 1)] == reasons(installed)
        assert [] == folded(installed)
        assert [] == calls(installed.database_url, "call-")
        assert not installed._folded()
        assert projector.health.complaint() is None

        bad_release()
        assert [*_LANES] == release(installed)
        installed.wait_until_folded()

    assert sorted([names[-1], *later]) == folded(installed)
    assert 30 == len(calls(installed.database_url, "call-"))
    assert [("fold_failed", FAULTS_A_MINUTE - 1)] == reasons(installed)


def open_lanes(installed: Installation) -> list[int]:
    """Lanes whose breaker is open."""
    with connect(installed.database_url, "operator") as connection:
        return list(open_breakers(connection))


def test_flood_of_failing_events_is_archived_and_nothing_is_parked(
    installed: Installation,
    client: redis.Redis,
    start: Start,
    bad_release: Callable[[], None],
) -> None:
    """Open stays open over a restart; bad entries amid it are parked once; then all is counted."""
    names = [f"contact-{number:03d}" for number in range(300)]
    publish(client, [contact(name) for name in names])
    with start():
        wait_until_archived(installed, 300)
        assert [] == reasons(installed)
    publish(client, [contact("after-the-restart")])
    with start():
        for lane in _LANES:
            add(client, partition_stream(lane), [structured(f"bad {lane}".encode())])
        add(client, stream_of("stray"), [structured(contact("stray"))])
        # The last entry of each lane belongs to another one: no log of its own holds it.
        for lane in _LANES:
            add(client, partition_stream(lane), [structured(call(misrouted_in(lane)))])
        wait_until_archived(installed, 300 + 2 + 2 * len(_LANES))
        assert [("not_json", 16)] == reasons(installed)
        assert [] == folded(installed)
        assert [] == calls(installed.database_url, "stray-")

        bad_release()
        release(installed)
        installed.wait_until_folded()

        publish(client, [contact("at last")])
        until(lambda: "at last" in folded(installed), "the lanes are folded as usual")

    assert sorted([*names, "after-the-restart", "stray", "at last"]) == folded(installed)
    assert sorted(map(misrouted_in, _LANES)) == calls(installed.database_url, "stray-")
    assert [("not_json", 16)] == reasons(installed)
    assert [(1,)] == rows(
        installed.database_url, "SELECT DISTINCT entries FROM callfold.parked_events"
    )


def misrouted_in(lane: int) -> str:
    """A call that does not live in this lane."""
    return next(
        name
        for name in (f"stray-{lane:02d}-{number}" for number in range(100))
        if partition_of(name, PARTITIONS_DEFAULT) != lane
    )


def test_breaker_opened_by_hand_is_followed_by_a_running_projector(
    installed: Installation, client: redis.Redis, start: Start
) -> None:
    """An operator can stop the folding of one lane; the others, and the inbox, go on."""
    stopped = partition_of("call-1", PARTITIONS_DEFAULT)
    other = next(n for n in _LANES if n != stopped)
    with start():
        with connect(installed.database_url, "operator") as connection:
            connection.execute(
                "UPDATE callfold.leases SET archive_only = 'by hand' WHERE lane = ANY(%s)",
                ([stopped, INBOX_LANE],),
            )
        for number in range(100):
            publish(client, [call("call-1", id=f"probe-{number}")])
            wait_until_archived(installed, number + 1)
            if lagging(installed) == [stopped]:
                break
        assert [stopped] == lagging(installed)
        subject = next(
            name
            for name in (f"other-{n}" for n in range(1000))
            if partition_of(name, PARTITIONS_DEFAULT) == other
        )
        publish(client, [call(subject)])
        until(lambda: calls(installed.database_url, "other-") == [subject], "the other lane folds")
        release(installed)
        installed.wait_until_folded()

    assert ["call-1"] == calls(installed.database_url, "call-1")


def test_lane_is_taken_with_its_breaker_open(
    installed: Installation, client: redis.Redis, start: Start
) -> None:
    """Whoever takes a lane over archives from the first entry on, as the owner before did."""
    migrate(installed.database_url, PARTITIONS_DEFAULT)
    with connect(installed.database_url, "operator") as connection:
        connection.execute("UPDATE callfold.leases SET archive_only = 'by hand'")
    publish(client, [call("call-1")])
    with start():
        wait_until_archived(installed, 1)

        assert [partition_of("call-1", PARTITIONS_DEFAULT)] == lagging(installed)
        assert [] == calls(installed.database_url, "call-1")


def lagging(installed: Installation) -> list[int]:
    """Lanes that are archived further than they are folded."""
    return column(
        installed.database_url,
        "SELECT lane FROM callfold.lanes l LEFT JOIN gen_1.positions p USING (lane)"
        " WHERE (l.ms, l.seq) > (coalesce(p.ms, 0), coalesce(p.seq, 0))",
    )
