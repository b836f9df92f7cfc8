"""One batch: what is folded, parked, forwarded, and suspected."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import INBOX_LANE
from shared.projections import folding
from shared.projections.folding import FoldFailedError, Folding
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.subjects import PROJECT
from shared.projections.write_set import WriteSet
from tests.unit.reference_model.given import event


def entry(number: int, raw: dict[str, Any] | bytes) -> Entry:
    """A structured entry with the id `number`-0."""
    body = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
    return Entry(number, 0, [b"event", body])


def ringing(id_: str, subject: str = "call-1", **options: Any) -> dict[str, Any]:
    """A call that rings."""
    return event("call.ringing", subject, id_=id_, **options)


def ended(id_: str, outcome: str) -> dict[str, Any]:
    """The end of a call."""
    return event("call.ended", "call-1", data={"outcome": outcome}, id_=id_)


def empty(_keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
    """A database that holds nothing."""
    return {}


def folded(*entries: Entry, lane: int = 0, partitions: int = 1) -> WriteSet:
    """The write set of one batch over an empty database."""
    batch = Folding(partitions, StateCache(10_000), empty)
    batch.take(lane, (0, 0), list(entries), {})
    return batch.harvest()


def test_two_batches_build_on_each_other_before_they_are_committed() -> None:
    """The second batch finds the first one's state in the cache, and adds the difference only."""
    batch = Folding(1, StateCache(100_000), empty)
    batch.take(0, (0, 0), [entry(1, ringing("1"))], {})
    first = batch.harvest()
    batch.take(0, (1, 0), [entry(2, ended("2", "busy"))], {})
    second = batch.harvest()
    assert [1, 2] == [writes.rows["attempt"][0][2] for writes in (first, second)]
    assert [
        ("acme", "spring", "call", 1, "busy", 1, 0, 0, 0, 0, 0),
        ("acme", "spring", "call", 1, "ongoing", -1, 0, 0, 0, 0, 0),
    ] == second.differences.rows("attempt_tallies")
    assert [] == second.differences.rows("execution_mentions")


def test_an_event_that_changes_no_figure_writes_no_tally() -> None:
    """The row moves on, its contribution does not."""
    batch = Folding(1, StateCache(100_000), empty)
    batch.take(0, (0, 0), [entry(1, ringing("1"))], {})
    batch.harvest()
    batch.take(0, (1, 0), [entry(2, ringing("2"))], {})
    writes = batch.harvest()
    assert 1 == len(writes.rows["attempt"])
    assert not any(writes.differences.sums.values())


def test_a_duplicate_alone_writes_no_row() -> None:
    """It is archived and counted, and that is all."""
    batch = Folding(1, StateCache(100_000), empty)
    batch.take(0, (0, 0), [entry(1, ringing("1"))], {})
    batch.harvest()
    batch.take(0, (1, 0), [entry(2, ringing("1"))], {})
    writes = batch.harvest()
    assert [] == writes.rows["attempt"]
    assert 1 == writes.duplicates == len(writes.lanes[0].archived)
    assert [] == writes.suspects


def test_a_duplicate_with_other_bytes_is_suspected_and_the_first_stands() -> None:
    """Rule 2: whether it is a conflict is seen where both are decoded, so it names the first."""
    writes = folded(
        entry(4, ringing("0")), entry(5, ended("1", "busy")), entry(9, ended("1", "failed"))
    )
    suspect = writes.suspects[0]
    assert (5, 0) == suspect.first
    assert (9, "call-1", "/dialer", "1") == (
        suspect.ms, suspect.subject, suspect.source, suspect.event_id
    )  # fmt: skip
    assert "busy" in writes.rows["attempt"][0]


def test_the_same_id_elsewhere_is_another_event() -> None:
    """An event is itself within organization, kind and subject, by source and id."""
    writes = folded(
        entry(1, ringing("1")),
        entry(2, ringing("1", "call-2")),
        entry(3, ringing("1", organization_id="bolt")),
        entry(4, ringing("1", source="/other")),
        entry(5, event("contact.queued", "call-1", id_="1")),
    )
    assert 0 == writes.duplicates
    assert [("acme", "call-1"), ("acme", "call-2"), ("bolt", "call-1")] == [
        row[:2] for row in writes.rows["attempt"]
    ]
    assert [("acme", "call-1")] == [row[:2] for row in writes.rows["contact"]]


def test_a_bad_entry_is_parked_and_archived_in_its_place() -> None:
    """Rule 7: the good ones around it count, and the log keeps the order of the stream."""
    writes = folded(entry(1, ringing("1")), entry(2, b"not JSON"), entry(3, ringing("2")))
    parked = writes.parked[0]
    assert (ParkReason.NOT_JSON, 2, b"not JSON", 8) == (
        parked.reason, parked.ms, parked.kept, parked.length_bytes
    )  # fmt: skip
    assert sha256(b"not JSON").digest() == parked.sha256
    assert [1, 2, 3] == [archived[0] for archived in writes.lanes[0].archived]
    assert (3, 0) == writes.lanes[0].new


@pytest.mark.parametrize("first_in_its_lane", (False, True))
@pytest.mark.parametrize("lane", (INBOX_LANE, 1))
def test_an_entry_in_a_wrong_lane_is_moved_and_not_archived(
    lane: int, first_in_its_lane: bool
) -> None:
    """It is moved even where its subject is at hand already; CRC-32 of call-1 is even."""
    batch = Folding(2, StateCache(10_000), empty)
    if first_in_its_lane:
        batch.take(0, (0, 0), [entry(1, ringing("1"))], {})
    stray = entry(7, ringing("2"))
    batch.take(lane, (0, 0), [stray], {})
    writes = batch.harvest()
    assert [(0, stray.fields)] == [(move.partition, move.fields) for move in writes.forwards]
    assert [] == writes.lanes[lane].archived
    assert first_in_its_lane == bool(writes.rows["attempt"])


def test_a_bad_event_in_the_inbox_is_parked_beside_its_kin() -> None:
    """Where a subject can be read at all, its partition gets it; else the inbox parks it."""
    bad = {**ringing("1"), "time": "yesterday"}
    writes = folded(entry(1, bad), entry(2, b"["), lane=INBOX_LANE, partitions=2)
    assert [0] == [move.partition for move in writes.forwards]
    assert [2] == [parked.ms for parked in writes.parked]


def test_an_inbox_entry_that_our_decoder_fails_on_is_left_to_its_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which archives it, once its breaker is open; only what names no subject is to be parked."""

    def broken(_kept: bytes) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(folding, "decode_bounded", broken)
    writes = folded(entry(1, ringing("1")), lane=INBOX_LANE, partitions=2)
    assert [0] == [move.partition for move in writes.forwards]
    with pytest.raises(FoldFailedError, match="lane -1, entry 2-0: ZeroDivisionError"):
        folded(entry(2, b"["), lane=INBOX_LANE)
    with pytest.raises(FoldFailedError, match="lane 0, entry 3-0: ZeroDivisionError"):
        folded(entry(3, ringing("1")))


def test_a_projection_that_fails_is_named_when_the_batch_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first event that the batch added to the subject is blamed."""

    def broken(_subject_id: str, _state: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(PROJECT, "attempt", broken)
    batch = Folding(1, StateCache(10_000), empty)
    batch.take(0, (0, 0), [entry(3, ringing("1")), entry(4, ringing("2"))], {})
    with pytest.raises(FoldFailedError, match="lane 0, entry 3-0: ZeroDivisionError") as failed:
        batch.harvest()
    assert (0, (3, 0)) == (failed.value.lane, failed.value.position)


def test_a_discarded_batch_leaves_nothing_behind() -> None:
    """What follows starts from the database again."""
    batch = Folding(1, StateCache(10_000), empty)
    batch.take(0, (0, 0), [entry(1, ringing("1"))], {})
    assert 1 == batch.events
    assert batch.bytes_held > 0
    batch.discard()
    assert (0, 0) == (batch.events, batch.bytes_held)
    writes = batch.harvest()
    assert {} == writes.lanes
    assert not any(writes.rows.values())


def test_an_open_breaker_archives_without_folding() -> None:
    """The log goes on; rows and tallies wait."""
    batch = Folding(1, StateCache(10_000), empty)
    batch.archive(0, (0, 0), [entry(1, ringing("1")), entry(2, ringing("2"))])
    writes = batch.harvest()
    assert not writes.lanes[0].folded
    assert (2, (2, 0)) == (len(writes.lanes[0].archived), writes.lanes[0].new)
    assert not any(writes.rows.values())
