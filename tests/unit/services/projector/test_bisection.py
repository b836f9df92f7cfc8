"""Which entry is condemned, and how large the next batch may be."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from services.projector.bisection import FAULTS_A_MINUTE, Bisection
from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import INBOX_LANE
from shared.projections.folding import FoldFailedError
from shared.projections.write_set import LaneWrite, WriteSet

_MAX = 64


def batch(events: int, lane: int = 3, new: tuple[int, int] = (7, 0)) -> WriteSet:
    """A batch of one lane."""
    writes = WriteSet(events=events)
    writes.lanes[lane] = LaneWrite(old=(0, 0), new=new, entries=events)
    return writes


def failure(number: int, lane: int = 3) -> FoldFailedError:
    """Our own code failed on an entry."""
    error = FoldFailedError(lane, (number, 0), KeyError("x"))
    error.__cause__ = KeyError("x")
    return error


def refused(bisection: Bisection, events: int) -> bool:
    """What the database refuses for its data."""
    bisection.submitted(batch(events))
    return bisection.refused(psycopg.DataError("invalid input\nDETAIL: more"))


def test_refused_batches_shrink_by_halves_to_the_event_and_grow_again() -> None:
    """Only an event that was refused alone is condemned."""
    bisection = Bisection(_MAX)
    for expected in (32, 16, 8, 4, 2, 1):
        assert refused(bisection, bisection.events_max)
        assert expected == bisection.events_max
        assert {} == bisection.condemned
    assert refused(bisection, 1)
    assert {(3, 7, 0): (ParkReason.DATABASE_REFUSED, "invalid input")} == bisection.condemned
    for expected in (2, 4, 8, 16, 32, 64, 64):
        bisection.submitted(batch(1))
        bisection.succeeded()
        assert expected == bisection.events_max


def test_what_arrives_meanwhile_does_not_hide_the_refused_event() -> None:
    """It stands last in the highest lane, and more arrives in all lanes than a batch may hold."""
    lanes, bad, tries = range(4), (3, (16, 0)), 0
    bisection = Bisection(_MAX)
    streams = {lane: [Entry(ms, 0, []) for ms in range(1, 17)] for lane in lanes}
    while tries < 100 and bad[1] in [(e.ms, e.seq) for e in streams[bad[0]]]:
        tries += 1
        room, writes = bisection.events_max, WriteSet()
        for lane, entries in bisection.choose(streams).items():
            if some := entries[:room]:
                room, writes.events = room - len(some), writes.events + len(some)
                new = some[-1].ms, some[-1].seq
                writes.lanes[lane] = LaneWrite(old=(0, 0), new=new, entries=len(some))
        bisection.submitted(writes)
        holds_bad = bad[0] in writes.lanes and bad[1] <= writes.lanes[bad[0]].new
        if holds_bad and (bad[0], *bad[1]) not in bisection.condemned:
            assert bisection.refused(psycopg.DataError("no"))
            assert bisection.searching
        else:
            bisection.succeeded()
            for lane, write in writes.lanes.items():
                streams[lane] = [e for e in streams[lane] if (e.ms, e.seq) > write.new]
        for lane in lanes:
            last_ms = streams[lane][-1].ms if streams[lane] else 16
            streams[lane] += [Entry(last_ms + n, 0, []) for n in range(1, 3)]
    # All of 64; six halves that went through; then it alone, twice: refused, and parked.
    assert 9 == tries
    assert not bisection.searching


def test_what_was_refused_and_is_gone_is_looked_for_no_more() -> None:
    """Its lane is with another owner by now: what is read is folded as usual."""
    bisection = Bisection(_MAX)
    assert refused(bisection, 8)
    found = {4: [Entry(9, 0, [])]}
    assert not bisection.choose({})
    assert bisection.searching
    assert found == bisection.choose(found)
    assert not bisection.searching


def test_server_that_is_away_refuses_nothing() -> None:
    """Neither is the batch smaller then, nor is its event parked."""
    bisection = Bisection(_MAX)
    bisection.submitted(batch(1))
    assert not bisection.refused(psycopg.OperationalError("connection lost"))
    assert {} == bisection.condemned
    assert _MAX == bisection.events_max


def test_condemned_entry_is_remembered_until_it_went_through() -> None:
    """Another batch of its lane, or one of another lane, does not reach it."""
    bisection = Bisection(_MAX)
    bisection.condemn_fold(failure(7))
    for lane, new in ((3, (6, 9)), (4, (8, 0))):
        bisection.submitted(batch(1, lane, new))
        bisection.succeeded()
        assert [(3, 7, 0)] == list(bisection.condemned)
    bisection.submitted(batch(1, 3, (7, 0)))
    bisection.succeeded()
    assert {} == bisection.condemned


@pytest.mark.parametrize(
    ("faults", "within_s", "due"),
    (
        (FAULTS_A_MINUTE - 1, 1.0, False),
        (FAULTS_A_MINUTE, 59.0, True),
        (FAULTS_A_MINUTE, 61.0, False),
        (2 * FAULTS_A_MINUTE, 130.0, False),
    ),
)
def test_breaker_is_due_at_fifty_faults_a_minute(faults: int, within_s: float, due: bool) -> None:
    """Fewer, or as many in a longer time, are bad events and no bad release."""
    seconds = clock(within_s / (faults - 1))
    bisection = Bisection(_MAX, lambda: now_s)
    for number in range(faults):
        now_s = next(seconds)
        bisection.condemn_fold(failure(number))
    assert due == bisection.breaker_due()


def clock(step_s: float) -> Iterator[float]:
    """Instants that far apart."""
    return (number * step_s for number in count())


def test_faults_of_our_own_at_writing_out_count_for_the_breaker() -> None:
    """They are no refusals of the database's: a bad release would park everything, unheard."""
    bisection = Bisection(_MAX, count().__next__)
    for _ in range(FAULTS_A_MINUTE):
        assert not bisection.breaker_due()
        bisection.submitted(batch(1))
        assert bisection.refused(TypeError("not all arguments converted"))
    assert bisection.breaker_due()
    ((reason, words),) = bisection.condemned.values()
    assert (ParkReason.FOLD_FAILED, "TypeError: not all arguments converted") == (reason, words)
    bisection.forgive_folds()
    assert {} == bisection.condemned


def test_open_breaker_forgives_no_entry_of_the_inbox() -> None:
    """It is in no log: were it not parked, it would be read again and again."""
    bisection = Bisection(_MAX)
    bisection.condemn_fold(failure(1))
    bisection.condemn_fold(failure(1, INBOX_LANE))
    bisection.forgive_folds()
    assert [(INBOX_LANE, 1, 0)] == list(bisection.condemned)


def test_lane_that_only_archives_parks_nothing_for_our_faults() -> None:
    """It was told to archive because the release is bad; what the database refuses is parked."""
    bisection = Bisection(_MAX)
    writes = batch(1)
    writes.lanes[3].folded = False
    bisection.submitted(writes)
    assert not bisection.refused(TypeError("not all arguments converted"))
    assert {} == bisection.condemned
    assert bisection.refused(psycopg.DataError("invalid input"))
    assert bisection.condemned
