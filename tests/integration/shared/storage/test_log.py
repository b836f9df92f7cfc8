"""The log on a real PostgreSQL: written by the batch, read from anywhere, while others merge."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
import pytest

from shared.contracts.entries import Entry, kept_form
from shared.errors import SegmentError
from shared.folds.journal import Position
from shared.storage import dictionary, merging
from shared.storage.connection import connect
from shared.storage.log import Log
from shared.storage.merging import SegmentMerger
from tests.contract.wire import binary, changed, padded, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    START,
    Held,
    LaneOwner,
    call_entry,
    entry,
    held,
    lane_owner,
    subject_in,
)

_SEQUENCE_MAX = 2**64 - 1


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


def ms_of(year: int, month: int, day: int = 1) -> int:
    """Midnight in milliseconds."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


def numbered(ids: list[Position]) -> list[Entry]:
    """Entries of lane 0 with these ids."""
    events = [changed(id=str(n), subject=subject_in(0)) for n in range(len(ids))]
    return [Entry(*place, structured(e)) for place, e in zip(ids, events, strict=True)]


def partitions(owner: LaneOwner) -> dict[str, int]:
    """The tables of the log and the rows in each."""
    rows = owner.connection.execute(
        "SELECT relname, count(*) FROM callfold.log_segments s JOIN pg_class c"
        " ON c.oid = s.tableoid GROUP BY 1"
    ).fetchall()
    return {name.removeprefix("log_segments_"): count for name, count in rows}


def test_log_reads_from_every_position(owner: LaneOwner) -> None:
    """Behind any entry, before the first, between two and behind the last, across segments."""
    ids = [(NOW_MS, 0), (NOW_MS, _SEQUENCE_MAX), (NOW_MS + 5, 0), (NOW_MS + 5, 1), (NOW_MS + 9, 3)]
    entries = numbered(ids)
    owner.archive(0, entries[:2], entries[2:3], entries[3:])
    for after in [START, *ids, (NOW_MS + 1, 7), (NOW_MS + 5, 2), (NOW_MS + 99, 0)]:
        expected = [Held(e.ms, e.seq, list(e.fields)) for e in entries if (e.ms, e.seq) > after]

        assert expected == held(owner.log, 0, after), after


def test_lanes_do_not_see_each_other(owner: LaneOwner) -> None:
    """Equal ids in several partitions stay apart."""
    owner.commit(owner.fold({lane: [call_entry(1, lane)] for lane in range(3)}))

    for lane in range(3):
        assert [list(call_entry(1, lane).fields)] == [e.fields for e in held(owner.log, lane)]
    assert [] == held(owner.log, 3)


@pytest.mark.parametrize("chunk", (1, 2, 3, 50))
def test_chunks_meet_without_gap_or_overlap(owner: LaneOwner, chunk: int) -> None:
    """However many segments one statement reads, each comes once and in order."""
    entries = numbered([(NOW_MS + n, 0) for n in range(13)])
    owner.write_segments(0, *[[entry] for entry in entries])

    firsts = [(s.first_ms, s.first_seq) for s in owner.log.segments(0, START, chunk)]

    assert [(e.ms, e.seq) for e in entries] == firsts


@pytest.mark.parametrize("read", (1, 50, 51, 99, 100))
def test_reader_amid_a_merge_sees_each_entry_once(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    """What was read already comes back inside a merged segment, and is left out."""
    monkeypatch.setattr(merging, "EVENTS_AIM", 60)
    monkeypatch.setattr(merging, "EVENTS_SMALL", 40)
    entries = numbered([(NOW_MS + n, 0) for n in range(120)])
    owner.write_segments(0, *[[entry] for entry in entries])
    reading = owner.log.entries(0, START)

    found = [next(reading) for _ in range(read)]
    assert 120 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])
    found += list(reading)

    assert [(e.ms, e.seq) for e in entries] == [entry[:2] for part in found for entry in part]


def test_entry_is_found_by_its_position(owner: LaneOwner) -> None:
    """In both modes, first, last and amid; what the log does not hold is None."""
    event = changed(subject=subject_in(0))
    entries = [
        Entry(NOW_MS, 0, structured(event)),
        Entry(NOW_MS, _SEQUENCE_MAX, binary({**event, "id": "b"})),
        Entry(NOW_MS + 3, 0, structured({**event, "id": "c"})),
    ]
    owner.archive(0, entries, numbered([(NOW_MS + 7, 0)]))

    for one in entries:
        assert kept_form(one.fields) == owner.log.find(0, (one.ms, one.seq))
    for place in ((NOW_MS - 1, 0), (NOW_MS + 1, 0), (NOW_MS, 1), (NOW_MS + 9, 0)):
        assert owner.log.find(0, place) is None
    assert owner.log.find(1, (NOW_MS, 0)) is None


def test_entry_over_the_limit_is_kept_cut(owner: LaneOwner) -> None:
    """The first MiB is in the log, with a checksum of its own that holds."""
    huge = structured(padded(1024 * 1024 + 100))
    owner.archive(0, [Entry(NOW_MS, 0, huge)])

    ((_, _, fields),) = held(owner.log, 0)

    assert [b"event", huge[1][: 1024 * 1024]] == fields


def test_months_have_tables_of_their_own(owner: LaneOwner) -> None:
    """By the time of the stream, from 1970 on; what no date can say goes to the last."""
    ids = [
        (0, 1),
        (1, 0),
        (ms_of(1999, 12, 31), 0),
        (ms_of(2026, 2), -0),
        (ms_of(2026, 3) - 1, _SEQUENCE_MAX),
        (ms_of(2026, 3), 0),
        (ms_of(9999, 11, 30), 0),
        (ms_of(9999, 12), 0),
        (253_402_300_800_000, 0),  # the first millisecond of the year 10000
        (2**63 - 1, _SEQUENCE_MAX),
    ]
    owner.archive(0, *[[entry] for entry in numbered(ids)])

    assert {
        "1970_01": 2,
        "1999_12": 1,
        "2026_02": 2,
        "2026_03": 1,
        "9999_11": 1,
        "beyond": 3,
    } == partitions(owner)
    assert ids == [(ms, seq) for ms, seq, _ in held(owner.log, 0)]


def test_batch_over_a_month_s_end_is_one_segment(owner: LaneOwner) -> None:
    """It lies where it begins, and is found from either month."""
    ids = [(ms_of(2026, 3) - 1, 0), (ms_of(2026, 3), 0)]
    owner.archive(0, numbered(ids))

    assert {"2026_02": 1} == partitions(owner)
    assert ids[1:] == [(ms, seq) for ms, seq, _ in held(owner.log, 0, ids[0])]
    assert owner.log.find(0, ids[1]) is not None


def test_tables_keep_bodies_as_they_are_and_are_vacuumed_often(owner: LaneOwner) -> None:
    """Compressed bytes are stored out of line, uncompressed by PostgreSQL, on each new month."""
    owner.archive(0, *[[e] for e in numbered([(ms_of(2026, m), 0) for m in (1, 2)])])

    rows = owner.connection.execute(
        "SELECT relname, attstorage::text, reloptions FROM pg_class JOIN pg_attribute"
        " ON attrelid = pg_class.oid AND attname = 'body'"
        " WHERE relispartition AND relkind = 'r' ORDER BY 1"
    ).fetchall()

    options = ["autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=2000"]
    assert [
        ("log_segments_2026_01", "e", options),
        ("log_segments_2026_02", "e", options),
    ] == rows


def test_log_of_a_known_month_is_written_while_somebody_reads_at_length(
    laid_out: str, owner: LaneOwner
) -> None:
    """A dump or a rebuild that reads for an hour must not stop a projector that starts."""
    owner.archive(0, numbered([(NOW_MS, 0)]))
    with ExitStack() as ends:
        reading = ends.enter_context(psycopg.connect(laid_out))
        reading.execute("SELECT count(*) FROM callfold.log_segments")
        owner.committing.close()
        owner.lanes.release([1])
        late = ends.enter_context(lane_owner(laid_out, "late"))
        assert {1} == late.take().keys()
        late.committing.execute("SET lock_timeout = '1s'")

        late.archive(1, [call_entry(1, 1)])

        assert 1 == len(held(late.log, 1))


def test_projectors_that_begin_a_month_together_both_write(laid_out: str) -> None:
    """Who finds the table made meanwhile goes on; nobody's batch is lost."""
    with ExitStack() as ends:
        one, other = (ends.enter_context(lane_owner(laid_out, name)) for name in ("a", "b"))
        logs = [Log(connect_to(ends, laid_out), 4) for _ in range(2)]
        one.take(3)
        other.take(2)
        blocked = one.fold({0: [call_entry(1, 0)]})
        logs[0]._exists = lambda _name: False  # type: ignore[assignment,method-assign]  # too early
        logs[1].prepare(blocked.lanes)
        logs[0].prepare(blocked.lanes)
        one.commit(blocked)
        other.archive(3, [call_entry(1, 3)])

        assert [1, 1] == [len(held(one.log, lane)) for lane in (0, 3)]


def connect_to(ends: ExitStack, database_url: str) -> psycopg.Connection:
    """A connection that is closed with the others."""
    return ends.enter_context(connect(database_url, "test"))


def test_database_keeps_the_dictionary(laid_out: str, owner: LaneOwner) -> None:
    """A log can be read by whoever has the database, without this release."""
    owner.archive(0, numbered([(NOW_MS, 0)]))

    rows = owner.connection.execute(
        "SELECT s.dictionary, d.dictionary FROM callfold.log_segments s"
        " JOIN callfold.log_dictionaries d ON d.version = s.dictionary"
    ).fetchall()

    assert [(dictionary.VERSION, dictionary.load())] == rows


def test_damaged_row_is_refused_when_it_is_read(owner: LaneOwner) -> None:
    """A bit that turned on the database's disk stops the reader by name, nothing is skipped."""
    owner.archive(0, numbered([(NOW_MS, 0)]), [entry(5, changed(id="z", subject=subject_in(0)))])
    owner.connection.execute(
        "UPDATE callfold.log_segments SET body = set_bit(body, 77, 1 - get_bit(body, 77))"
        " WHERE first_ms = %s",
        (NOW_MS + 5,),
    )

    reading = owner.log.entries(0, START)
    assert 1 == len(next(reading))
    with pytest.raises(SegmentError, match=f"segment 0/{NOW_MS + 5}-0"):
        next(reading)


def test_segment_says_what_it_holds(owner: LaneOwner) -> None:
    """Organizations, sources and counts are readable without unpacking; parked ones have none."""
    entries = [
        call_entry(1, 0),
        call_entry(2, 0, source="/dialer/2"),
        call_entry(3, 0, organizationid="other"),
        Entry(NOW_MS + 4, 0, structured(b"not json")),
    ]
    owner.archive(0, entries)

    assert [(4, ["acme", "other"], {"acme": {"/dialer/eu-1": 1, "/dialer/2": 1},
                                    "other": {"/dialer/eu-1": 1}}, 4)] == owner.connection.execute(
        "SELECT events, organizations, sources, partitions FROM callfold.log_segments"
    ).fetchall()  # fmt: skip
