"""Merges small segments of the log into larger ones; positions and checksums stay as they were.

A quiet stream makes a segment every few events, which costs more than the events do. The owner of
a partition merges them beside its work, in transactions of their own, fenced like a batch.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import psycopg
from psycopg import sql

from shared.projections.write_set import Archived
from shared.storage.log import INSERT_SEGMENT, as_row
from shared.storage.segments import Segment, pack, received, unpack

#: A segment of fewer events is small; merging makes them at least this large.
EVENTS_SMALL = 1_000
#: Merged segments aim at this many events: larger ones compress no better, and read slower.
EVENTS_AIM = 2_000
#: What a few events between two large segments are joined to may become so large.
EVENTS_MOST = 2 * EVENTS_AIM
#: Segments looked at in one go.
_LOOK = 2_000

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Segment._fields))
_SMALL = (
    "SELECT first_ms, first_seq, events, partitions FROM callfold.log_segments"
    " WHERE partition = %s AND (first_ms, first_seq) >= (%s, %s)"
    " ORDER BY first_ms, first_seq LIMIT %s"
)
_FENCE = "SELECT 1 FROM callfold.leases WHERE lane = %s AND epoch = %s AND owner = %s FOR KEY SHARE"
_TAKE = sql.SQL(
    "DELETE FROM callfold.log_segments WHERE partition = %s AND (first_ms, first_seq) >= (%s, %s)"
    " AND (first_ms, first_seq) <= (%s, %s) RETURNING {}"
).format(_COLUMNS)
Place = tuple[int, int]


class _Run(NamedTuple):
    """Neighbours in the log: one large segment, or small ones that may be merged."""

    first: Place
    last: Place
    events: int
    #: The N under which they were written.
    partitions: int

    def joined(self, other: Self) -> Self:
        """This run and the one behind it."""
        return self._replace(last=other.last, events=self.events + other.events)


class SegmentMerger:
    """Merges the small segments of partitions that one projector owns."""

    def __init__(self, connection: psycopg.Connection, projector: str) -> None:
        """`connection` must be in autocommit and used by nobody else."""
        self._connection = connection
        self._projector = projector
        #: A large segment; everything before is as large as it will be.
        self._done: dict[int, Place] = {}

    def merge(self, partition: int, epoch: int) -> int:
        """Merge what is small in a partition held at `epoch`; returns how many segments went."""
        merged = 0
        for group in list(self._groups(partition)):
            with self._connection.transaction():
                fence = self._connection.execute(_FENCE, (partition, epoch, self._projector))
                if fence.fetchone() is None:
                    self._done.pop(partition, None)
                    return merged
                merged += self._replace(partition, group.first, group.last)
        return merged

    def _groups(self, partition: int) -> Iterator[_Run]:
        """Runs of neighbours that make a large segment together."""
        done = self._done.get(partition, (0, 0))
        rows = self._connection.execute(_SMALL, (partition, *done, _LOOK)).fetchall()
        large: _Run | None = None
        run: _Run | None = None
        for ms, seq, events, n in rows:
            one = _Run((ms, int(seq)), (ms, int(seq)), events, n)
            if events < EVENTS_SMALL and (run is None or run.partitions == n):
                run = run.joined(one) if run else one
                if run.events < EVENTS_AIM:
                    continue
                yield run
                large, run = run, None
            else:
                # A large neighbour, or another N: nothing more will join what is small before it.
                following = one if events >= EVENTS_SMALL else None
                group = _closed(large, run, following)
                if group is not None:
                    yield group
                large, run = following, None if following else one
                if group is not None and following is not None and group.last == following.last:
                    large = group
            if large is not None:
                self._done[partition] = large.first
        if len(rows) == _LOOK and run is not None and run.events >= EVENTS_SMALL:
            yield run  # so small that a whole look does not reach the aim

    def _replace(self, partition: int, first: Place, last: Place) -> int:
        rows = self._connection.execute(_TAKE, (partition, *first, *last)).fetchall()
        segments = sorted(
            (Segment(*row)._replace(first_seq=int(row[2]), last_seq=int(row[4])) for row in rows),
            key=lambda segment: (segment.first_ms, segment.first_seq),
        )
        archived: list[Archived] = []
        received_ms: list[tuple[int, int]] = []
        for segment in segments:
            received_ms += received(segment)
            archived += [
                (entry.ms, entry.seq, mode, kept, checksum, None, None)
                for entry, mode, kept, checksum in unpack(segment)
            ]
        new = pack(partition, segments[0].partitions, archived, received_ms, merged=True)
        sources = _added(segment.sources for segment in segments)
        new = new._replace(organizations=sorted(sources), sources=sources)
        self._connection.execute(INSERT_SEGMENT, as_row(new))
        return len(segments)


def _closed(before: _Run | None, run: _Run | None, after: _Run | None) -> _Run | None:
    """What becomes of small segments that nothing will be added to; None where they stay."""
    if run is None:
        return None
    if run.events >= EVENTS_SMALL:
        return run
    for one, other in ((before, run), (run, after)):
        if one is None or other is None or one.partitions != other.partitions:
            continue
        if one.events + other.events <= EVENTS_MOST:
            return one.joined(other)
    return None


def _added(counts: Iterator[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    added: dict[str, dict[str, int]] = {}
    for sources in counts:
        for organization_id, by_source in sources.items():
            into = added.setdefault(organization_id, {})
            for source, count in by_source.items():
                into[source] = into.get(source, 0) + count
    return added
