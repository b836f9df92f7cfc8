"""Reads the log for operators: whole stretches of it by filter, or the segments of some entries.

Called by `callfold lag`, `log` and `replay`. Unlike `log`, which a fold follows, it skips segments
by their columns, holds one segment at a time, and goes on behind a damaged one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg import sql

from shared.contracts.stream_names import partition_of
from shared.errors import SegmentError
from shared.folds.journal import Position
from shared.storage.segments import Segment, received, unpack

#: Sequence numbers of entry ids are unsigned 64-bit integers.
_SEQ_MAX = 2**64 - 1
_MS_MAX = 2**63 - 1
#: Rows without their bodies that one statement reads.
_LOOK = 500

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Segment._fields))
#: A chunk begins at the segment that holds the last position, as `Log.segments` explains.
_FACTS = (
    "SELECT first_ms, first_seq, last_ms, last_seq, events, organizations, sources, partitions"
    " FROM callfold.log_segments WHERE partition = %(partition)s"
    " AND (first_ms, first_seq) >= coalesce((SELECT (first_ms, first_seq)"
    " FROM callfold.log_segments WHERE partition = %(partition)s"
    " AND (first_ms, first_seq) <= (%(ms)s, %(seq)s)"
    " ORDER BY first_ms DESC, first_seq DESC LIMIT 1), (0::bigint, 0::numeric))"
    " AND (last_ms, last_seq) > (%(ms)s, %(seq)s) AND first_ms <= %(until_ms)s"
    " ORDER BY first_ms, first_seq LIMIT %(look)s"
)
_BODY = sql.SQL(
    "SELECT {} FROM callfold.log_segments WHERE partition = %s AND first_ms = %s AND first_seq = %s"
).format(_COLUMNS)
_COVERING = sql.SQL(
    "SELECT {} FROM callfold.log_segments WHERE partition = %s AND first_ms <= %s"
    " AND (first_ms, first_seq) <= (%s, %s) ORDER BY first_ms DESC, first_seq DESC LIMIT 1"
).format(_COLUMNS)
_SIZE = (
    "SELECT count(*), coalesce(sum(events), 0)::bigint FROM callfold.log_segments"
    " WHERE partition = ANY(%s) AND (last_ms, last_seq) > (%s, %s) AND first_ms <= %s"
)


class LogEntry(NamedTuple):
    """One entry as the log keeps it."""

    partition: int
    ms: int
    seq: int
    #: When it was archived, in milliseconds of the projector's clock.
    received_ms: int
    mode: int
    kept: bytes

    @property
    def position(self) -> Position:
        """Its id in the stream."""
        return self.ms, self.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which part of the log is wanted; what is None does not matter."""

    partitions: Sequence[int]
    #: Entries behind this position, by the ids of the stream.
    after: Position = (-1, _SEQ_MAX)
    until_ms: int = _MS_MAX
    organization_id: str | None = None
    subject: str | None = None


class LogScan:
    """One pass over a selection, partition by partition, each in the order of its stream.

    Attributes:
        events: Events of the segments that are done with, skipped ones included.
        segments_read: Segments that had to be opened.
        damaged: What is wrong with each segment that could not be read to its end.
    """

    def __init__(self, connection: psycopg.Connection, selection: Selection) -> None:
        """`connection` must be in autocommit: it is no snapshot, and holds nothing back."""
        self._connection = connection
        self._selection = selection
        self.events = 0
        self.segments_read = 0
        self.damaged: list[str] = []

    def size(self) -> tuple[int, int]:
        """How many segments and events lie within the partitions and times asked for."""
        chosen = self._selection
        row = self._connection.execute(
            _SIZE, (list(chosen.partitions), *chosen.after, chosen.until_ms)
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def entries(self, on_damage: Callable[[str], None] = lambda _line: None) -> Iterator[LogEntry]:
        """Each entry of the segments that may hold what is wanted; the caller looks closer."""
        for partition in self._selection.partitions:
            after = self._selection.after
            while True:
                rows = self._facts(partition, after)
                for facts in rows:
                    yield from self._read(facts, after, on_damage)
                    # A merge meanwhile may put what was yielded into the next segment as well.
                    after = facts.last
                    self.events += facts.events
                if len(rows) < _LOOK:
                    break

    def _facts(self, partition: int, after: Position) -> list["_Facts"]:
        place = {"partition": partition, "ms": after[0], "seq": after[1]}
        bounds = {"until_ms": self._selection.until_ms, "look": _LOOK}
        rows = self._connection.execute(_FACTS, {**place, **bounds}).fetchall()
        return [
            _Facts(partition, (row[0], int(row[1])), (row[2], int(row[3])), *row[4:])
            for row in rows
        ]

    def _read(
        self, facts: "_Facts", after: Position, on_damage: Callable[[str], None]
    ) -> Iterator[LogEntry]:
        if not facts.may_hold(self._selection):
            return
        row = self._connection.execute(_BODY, (facts.partition, *facts.first)).fetchone()
        segment = segment_of_row(row) if row else covering(self._connection, facts.partition,
                                                           facts.first)  # fmt: skip
        self.segments_read += 1
        if segment is None:
            return
        try:
            for entry in entries_of(segment):
                # A segment that was merged meanwhile reaches further than the row that named it.
                if after < entry.position <= facts.last and entry.ms <= self._selection.until_ms:
                    yield entry
        except SegmentError as error:
            self.damaged.append(str(error))
            on_damage(str(error))


class _Facts(NamedTuple):
    """A segment without its body."""

    partition: int
    first: Position
    last: Position
    events: int
    organizations: list[str]
    sources: dict[str, dict[str, int]]
    partitions: int

    def may_hold(self, wanted: Selection) -> bool:
        """False where the columns say that nothing wanted is inside.

        A parked event counts under no organization and may lie in a partition that is not its
        subject's, so a segment with any is always opened.
        """
        if sum(sum(counts.values()) for counts in self.sources.values()) < self.events:
            return True
        if wanted.organization_id is not None and wanted.organization_id not in self.organizations:
            return False
        subject = wanted.subject
        return subject is None or partition_of(subject, self.partitions) == self.partition


def covering(connection: psycopg.Connection, partition: int, position: Position) -> Segment | None:
    """The segment that holds a position, if any does: it begins there or is the last before."""
    row = connection.execute(_COVERING, (partition, position[0], *position)).fetchone()
    segment = segment_of_row(row) if row else None
    held = segment is not None and (segment.last_ms, segment.last_seq) >= position
    return segment if held else None


def segments_holding(
    connection: psycopg.Connection, partition: int, positions: Sequence[Position]
) -> Iterator[Segment]:
    """The segments that hold these positions, each once and in order; what none holds is skipped.

    Raises:
        SegmentError: later, when a damaged one is unpacked.
    """
    read_to: Position = (-1, 0)
    for position in sorted(positions):
        if position <= read_to:
            continue
        segment = covering(connection, partition, position)
        if segment is not None:
            read_to = (segment.last_ms, segment.last_seq)
            yield segment


def entries_of(segment: Segment) -> Iterator[LogEntry]:
    """The entries of a segment with the time at which each was received.

    Raises:
        SegmentError: the segment or an entry in it is damaged.
    """
    times = (ms for count, ms in received(segment) for _ in range(count))
    for (entry, mode, kept, _), received_ms in zip(unpack(segment), times, strict=False):
        yield LogEntry(segment.partition, entry.ms, entry.seq, received_ms, mode, kept)


def segment_of_row(row: tuple[object, ...]) -> Segment:
    """A row of all columns as a segment."""
    segment = Segment(*row)  # type: ignore[arg-type] # as the table declares them
    return segment._replace(first_seq=int(segment.first_seq), last_seq=int(segment.last_seq))


def log_partitions(connection: psycopg.Connection) -> list[int]:
    """Every partition that has a lane, and so may have a log."""
    rows = connection.execute("SELECT lane FROM callfold.lanes WHERE lane >= 0 ORDER BY 1")
    return [row[0] for row in rows]
