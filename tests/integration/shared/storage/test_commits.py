"""One batch, one transaction: all of it or nothing, fenced by epoch, cursor and revision."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from threading import Event
from typing import Any

import psycopg
import pytest

from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import FencedError, StaleStateError
from shared.storage import commits
from shared.storage.contribution_sums import contributions_that_differ
from tests.contract.wire import binary, changed, json_bytes, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    START,
    LaneOwner,
    call_entry,
    entry,
    everything,
    held,
    lane_owner,
    subject_in,
)


@pytest.fixture(params=(0, commits.AT_ONCE_EVENTS_MAX), ids=("staged", "at_once"))
def owner(
    laid_out: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaneOwner]:
    """The owner of all lanes, whose batches go either way into the tables."""
    monkeypatch.setattr(commits, "AT_ONCE_EVENTS_MAX", request.param)
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


def charge(number: int, lane: int, amount: str) -> Entry:
    """A charge of the lane's call."""
    return call_entry(number, lane, type="call.charged", data={"amount": amount})


def tally(owner: LaneOwner) -> list[tuple[Any, ...]]:
    """Attempts, billable ones and cost of the one execution, summed over statuses."""
    return owner.connection.execute(
        "SELECT sum(attempts), sum(billable), sum(cost) FROM gen_1.attempt_tallies"
    ).fetchall()


def wait_for_lock(owner: LaneOwner) -> None:
    """Wait until a commit waits for a lock."""
    deadline_s = time.monotonic() + 10
    with psycopg.connect(owner.database_url, autocommit=True) as connection:
        while not connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND application_name LIKE '% commits'"
        ).fetchall():
            assert time.monotonic() < deadline_s, "nobody waits"
            time.sleep(0.01)


def conflicts(owner: LaneOwner) -> list[tuple[Any, ...]]:
    """Conflicts, each with the positions of both events."""
    return owner.connection.execute(
        "SELECT lane, ms, seq, organization_id, kind, subject, source, event_id, first_ms,"
        " first_seq FROM callfold.conflicting_events ORDER BY lane, ms, seq"
    ).fetchall()


def test_batch_moves_log_states_tallies_and_both_positions(owner: LaneOwner) -> None:
    """After one commit all that a batch changes is there, lane by lane."""
    entries = {lane: [call_entry(1, lane), charge(2, lane, "0.5")] for lane in range(PARTITIONS)}

    owner.commit(owner.fold(entries))

    for lane, of_lane in entries.items():
        assert [tuple(e) for e in of_lane] == [tuple(found) for found in held(owner.log, lane)]
        cursor = owner.lanes.cursors([lane], 1)[lane]
        assert (NOW_MS + 2, 0) == cursor.position == cursor.folded
        assert 2 == cursor.entries_read
    calls = owner.connection.execute("SELECT attempt_id FROM gen_1.attempts").fetchall()
    assert {subject_in(lane) for lane in range(PARTITIONS)} == {call for (call,) in calls}
    assert [(PARTITIONS, PARTITIONS, Decimal("0.5") * PARTITIONS)] == tally(owner)


def test_tallies_add_up_over_batches_and_lanes(owner: LaneOwner) -> None:
    """Each batch adds its difference: new calls, a correction, a charge taken back."""
    owner.archive(0, [call_entry(1, 0), charge(2, 0, "1.000000001")])
    owner.archive(1, [call_entry(1, 1), charge(2, 1, "2")], [charge(3, 1, "-0.5")])
    owner.archive(0, [call_entry(3, 0, data={"outcome": "busy"}, time="2026-03-02T10:00:00Z")])

    assert [(2, 2, Decimal("2.500000001"))] == tally(owner)
    assert [] == contributions_that_differ(owner.connection, 1)
    statuses = owner.connection.execute(
        "SELECT status, attempts FROM gen_1.attempt_tallies WHERE attempts <> 0 ORDER BY 1"
    ).fetchall()
    assert [("busy", 1), ("failed", 1)] == statuses


def test_large_amounts_add_up_to_the_billionth(owner: LaneOwner) -> None:
    """The check of sums is exact where a division of numerics would be rounded."""
    owner.archive(0, [call_entry(1, 0), charge(2, 0, "-1818156623.000000029")])

    assert [] == contributions_that_differ(owner.connection, 1)


def test_raised_epoch_fences_the_batch_and_names_its_lanes(owner: LaneOwner) -> None:
    """One lost lane of several stops the batch whole; the others are not named."""
    writes = owner.fold({lane: [call_entry(1, lane)] for lane in range(PARTITIONS)})
    owner.connection.execute("UPDATE callfold.leases SET epoch = epoch + 1 WHERE lane IN (1, 3)")
    before = everything(owner.connection)

    with pytest.raises(FencedError) as caught:
        owner.commit(writes)

    assert {1, 3} == caught.value.lanes
    assert before == everything(owner.connection)


def test_lane_given_to_another_owner_fences_the_batch(laid_out: str, owner: LaneOwner) -> None:
    """The epoch alone is not enough: the row must name the owner too."""
    writes = owner.fold({0: [call_entry(1, 0)]})
    owner.connection.execute("UPDATE callfold.leases SET owner = 'other' WHERE lane = 0")

    with pytest.raises(FencedError) as caught:
        owner.commit(writes)

    assert {0} == caught.value.lanes
    assert [] == held(owner.log, 0)


def test_moved_cursor_fences_the_batch_and_names_its_lanes(owner: LaneOwner) -> None:
    """A batch counts only from where it began, whoever moved the cursor meanwhile."""
    writes = owner.fold({lane: [call_entry(1, lane)] for lane in range(PARTITIONS)})
    owner.connection.execute("UPDATE callfold.lanes SET seq = 1 WHERE lane = 2")
    before = everything(owner.connection)

    with pytest.raises(FencedError) as caught:
        owner.commit(writes)

    assert {2} == caught.value.lanes
    assert before == everything(owner.connection)


def test_batch_committed_twice_is_fenced(owner: LaneOwner) -> None:
    """After a lost answer the same batch may come again: its cursor has moved."""
    writes = owner.fold({0: [call_entry(1, 0), charge(2, 0, "1")]})
    owner.commit(writes)
    before = everything(owner.connection)

    with pytest.raises(FencedError) as caught:
        owner.commit(writes)

    assert {0} == caught.value.lanes
    assert before == everything(owner.connection)


@pytest.mark.parametrize("by", (1, -1), ids=("written anew", "set back"))
def test_state_changed_by_another_writer_rolls_the_batch_back(owner: LaneOwner, by: int) -> None:
    """A repair wrote a state meanwhile: what was folded from the old one is worthless."""
    owner.archive(0, [call_entry(1, 0)])
    writes = owner.fold({0: [charge(2, 0, "1")], 1: [call_entry(2, 1)]}, (NOW_MS + 1, 0))
    writes.lanes[1].old = START
    owner.connection.execute("UPDATE gen_1.attempts SET revision = revision + %s", (by,))
    before = everything(owner.connection)

    with pytest.raises(StaleStateError, match="attempt"):
        owner.commit(writes)

    assert before == everything(owner.connection)


def test_state_made_by_another_writer_rolls_the_batch_back(owner: LaneOwner) -> None:
    """Two writers that both believe a subject to be new do not overwrite each other."""
    writes = owner.fold({0: [call_entry(1, 0)]})
    owner.forget()
    owner.commit(owner.fold({0: [charge(1, 0, "1")]}))
    writes.lanes[0].old = (NOW_MS + 1, 0)
    first, *others = writes.lanes[0].archived
    writes.lanes[0].archived = [(NOW_MS + 9, *first[1:]), *others]
    before = everything(owner.connection)

    with pytest.raises(StaleStateError):
        owner.commit(writes)

    assert before == everything(owner.connection)


def test_refused_data_leaves_nothing(owner: LaneOwner) -> None:
    """What the database refuses at the very end takes log, states and positions with it."""
    owner.connection.execute(
        "ALTER TABLE gen_1.cost_tallies ADD CONSTRAINT cheap CHECK (cost < 1000)"
    )
    writes = owner.fold({0: [call_entry(1, 0)], 1: [charge(1, 1, "1000")]})
    before = everything(owner.connection)

    with pytest.raises(psycopg.errors.CheckViolation):
        owner.commit(writes)

    assert before == everything(owner.connection)


def test_connection_is_good_for_the_next_batch_after_each_failure(owner: LaneOwner) -> None:
    """A rolled back batch leaves no rows in the temporary tables that the next one would take."""
    lost = owner.fold({0: [call_entry(1, 0)]})
    with pytest.raises(FencedError):
        owner.commit(lost, {0: 99})
    owner.forget()

    owner.commit(owner.fold({1: [call_entry(1, 1)]}))

    calls = owner.connection.execute("SELECT attempt_id FROM gen_1.attempts").fetchall()
    assert [(subject_in(1),)] == calls


def test_takeover_that_comes_first_fences_a_waiting_commit(owner: LaneOwner) -> None:
    """Where both meet at the lease row, the commit sees the new epoch, not the one it knew."""
    writes = owner.fold({0: [call_entry(1, 0)]})
    before = everything(owner.connection)
    with ThreadPoolExecutor(1) as thread:
        with owner.connection.transaction():
            owner.connection.execute(
                "UPDATE callfold.leases SET owner = 'other', epoch = epoch + 1 WHERE lane = 0"
            )
            commit = thread.submit(owner.commit, writes)
            wait_for_lock(owner)
        with pytest.raises(FencedError):
            commit.result(timeout=10)

    assert before == everything(owner.connection)


def test_renewal_passes_an_open_commit_and_a_takeover_waits_for_it(
    laid_out: str, owner: LaneOwner
) -> None:
    """While a batch hangs at a hot tally, its lease lives on and nobody else gets the lane."""
    owner.archive(0, [charge(1, 0, "1")])
    taken_over = Event()
    with ExitStack() as ends:
        other = ends.enter_context(lane_owner(laid_out, "other"))
        hot = ends.enter_context(psycopg.connect(laid_out))
        threads = ends.enter_context(ThreadPoolExecutor(2))
        hot.execute("SELECT 1 FROM gen_1.cost_tallies FOR UPDATE")
        commit = threads.submit(owner.archive, 0, [charge(2, 0, "1")])
        wait_for_lock(other)
        assert {0} < owner.lanes.renew().epochs.keys()
        other.connection.execute("UPDATE callfold.leases SET expires_at = now()")

        def take_over() -> None:
            while 0 not in other.take():
                time.sleep(0.01)
            taken_over.set()

        takeover = threads.submit(take_over)
        assert not taken_over.wait(0.3)
        hot.rollback()
        commit.result(timeout=10)
        takeover.result(timeout=10)

    assert 2 == other.epochs[0]


def test_owners_of_other_lanes_commit_to_the_same_tallies(laid_out: str) -> None:
    """Hot rows are shared in key order: no deadlock, no lost addition."""
    with ExitStack() as ends:
        owners = [ends.enter_context(lane_owner(laid_out, str(n))) for n in range(PARTITIONS + 1)]
        lane_of = {owner.name: next(iter(owner.take(1))) for owner in owners}

        def run(owner: LaneOwner) -> None:
            lane = lane_of[owner.name]
            if lane == INBOX_LANE:
                return
            for batch in range(15):
                numbers = range(batch * 10 + 1, batch * 10 + 11)
                owner.archive(lane, [charge(number, lane, "0.01") for number in numbers])

        threads = ends.enter_context(ThreadPoolExecutor(len(owners)))
        list(threads.map(run, owners))

        assert [(PARTITIONS, PARTITIONS, Decimal("0.01") * 150 * PARTITIONS)] == tally(owners[0])


#: Ways to publish an event again that say the same.
SAME_CONTENT: dict[str, Callable[[dict[str, Any]], list[bytes]]] = {
    "whitespace": lambda event: structured(json_bytes(event).replace(b'":', b'" :\n\t ')),
    "key order": lambda event: structured(dict(reversed(event.items()))),
    "payload order": lambda event: structured(
        {**event, "data": dict(reversed(event["data"].items()))}
    ),
    "escapes": lambda event: structured(json_bytes(event).replace(b"busy", b"b\\u0075sy")),
    "number form": lambda event: structured(json_bytes(event).replace(b"1.5", b"15e-1")),
    "binary mode": binary,
    "binary mode reordered": lambda event: binary(dict(reversed(event.items()))),
    "further field": lambda event: [*structured(event), b"note", b"resent"],
}
#: Ways to break the rule that a source and an id name one event.
OTHER_CONTENT: dict[str, Callable[[dict[str, Any]], list[bytes]]] = {
    "outcome": lambda event: structured(json_bytes(event).replace(b"busy", b"failed")),
    "unknown payload key": lambda event: structured(
        {**event, "data": {**event["data"], "more": 1}}
    ),
    "unknown attribute": lambda event: structured({**event, "traceparent": "00"}),
    "time": lambda event: structured({**event, "time": "2026-03-02T09:03:00.6Z"}),
    "binary mode": lambda event: binary({**event, "data": {"outcome": "failed"}}),
    "number": lambda event: structured(
        json_bytes(event).replace(b"1.5", b"1.50000000000000000000000001")
    ),
}


def ended_call(organization_id: str) -> dict[str, Any]:
    """The event that is published again; an organization for each way keeps them apart."""
    data = {"outcome": "busy", "note": {"a": 1, "b": [1.5, None]}}
    return changed(organizationid=organization_id, subject=subject_in(0), sequence=7, data=data)


def publish_again(
    owner: LaneOwner, ways: dict[str, Callable[[dict[str, Any]], list[bytes]]], *, together: bool
) -> None:
    """Archive each event, and then each again in its way, in one batch or in two."""
    events = {name: ended_call(name) for name in ways}
    first = [Entry(NOW_MS, n, structured(event)) for n, event in enumerate(events.values())]
    again = [
        Entry(NOW_MS + 1, n, ways[name](event)) for n, (name, event) in enumerate(events.items())
    ]
    owner.archive(0, *([[*first, *again]] if together else [first, again]))


@pytest.mark.parametrize("together", (True, False), ids=("one batch", "two batches"))
def test_duplicate_in_other_bytes_is_no_conflict(owner: LaneOwner, together: bool) -> None:
    """Content is compared decoded: the form in which a publisher repeats itself is its affair."""
    publish_again(owner, SAME_CONTENT, together=together)

    assert [] == conflicts(owner)
    assert 2 * len(SAME_CONTENT) == len(held(owner.log, 0))
    assert [(len(SAME_CONTENT), 0, 0)] == tally(owner)


@pytest.mark.parametrize("together", (True, False), ids=("one batch", "two batches"))
def test_duplicate_that_says_something_else_is_a_conflict(owner: LaneOwner, together: bool) -> None:
    """The first stands and counts; the other is kept with the place of both."""
    publish_again(owner, OTHER_CONTENT, together=together)

    event = ended_call("any")
    named = ("attempt", event["subject"], event["source"], event["id"])
    assert [
        (0, NOW_MS + 1, number, name, *named, NOW_MS, number)
        for number, name in enumerate(OTHER_CONTENT)
    ] == conflicts(owner)
    outcomes = owner.connection.execute("SELECT outcome FROM gen_1.attempts").fetchall()
    assert [("busy",)] * len(OTHER_CONTENT) == outcomes


def test_conflict_with_an_event_of_binary_mode_is_found_in_a_merged_log(owner: LaneOwner) -> None:
    """The first event is looked up where it lies now, among many others of its segment."""
    others = [call_entry(number, 0, "other") for number in range(1, 40)]
    event = ended_call("acme")
    first = Entry(NOW_MS + 20, 5, binary(event))
    owner.archive(0, [*others[:20], first, *others[20:]], [call_entry(50, 0, "other")])

    owner.archive(0, [Entry(NOW_MS + 60, 0, structured({**event, "data": {}}))])

    assert [(NOW_MS + 60, NOW_MS + 20, 5)] == [(c[1], c[8], c[9]) for c in conflicts(owner)]


def test_bad_entries_are_parked_with_the_batch_and_only_once_a_content(owner: LaneOwner) -> None:
    """A parked entry is archived, moves the cursor, and one seen again is counted on its row."""
    bad = structured(b"{not json}")
    owner.archive(0, [Entry(NOW_MS, 0, bad), call_entry(1, 0)], [Entry(NOW_MS + 2, 0, bad)])

    rows = owner.connection.execute(
        "SELECT reason, entries, first_ms, last_ms, body FROM callfold.parked_events"
    ).fetchall()
    assert [("not_json", 2, NOW_MS, NOW_MS + 2, b"{not json}")] == rows
    assert 3 == len(held(owner.log, 0))
    assert (NOW_MS + 2, 0) == owner.lanes.cursors([0], 1)[0].position


def test_inbox_moves_its_cursor_and_is_not_archived(owner: LaneOwner) -> None:
    """What the inbox forwards is archived by its target; what it parks is kept as parked bytes."""
    entries = [entry(1, changed()), Entry(NOW_MS + 2, 0, structured(b"nothing"))]
    writes = owner.fold({INBOX_LANE: entries})
    owner.commit(writes)

    cursor = owner.lanes.cursors([INBOX_LANE], 1)[INBOX_LANE]
    assert 1 == len(writes.forwards)
    assert (NOW_MS + 2, 0) == cursor.position == cursor.folded
    assert [] == owner.connection.execute("SELECT 1 FROM callfold.log_segments").fetchall()
    assert [(INBOX_LANE,)] == owner.connection.execute(
        "SELECT lane FROM callfold.parked_events"
    ).fetchall()
