"""Every segment of the log, opened and held against its row; called by `callfold verify`.

It goes on behind a damaged segment, holds one at a time, and is no snapshot: segments that are
merged meanwhile are read once.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg

from shared.errors import SegmentError
from shared.folds.journal import Position
from shared.storage.log import Log
from shared.storage.log_reading import LogEntry, entries_of
from shared.storage.segments import Segment

#: Bodies that one statement reads.
_CHUNK = 8
_OVERLAPS = (
    "SELECT partition, first_ms, first_seq, before_ms, before_seq FROM (SELECT partition,"
    " first_ms, first_seq, lag(last_ms) OVER w AS before_ms, lag(last_seq) OVER w AS before_seq"
    " FROM callfold.log_segments"
    " WINDOW w AS (PARTITION BY partition ORDER BY first_ms, first_seq)) AS segments"
    " WHERE (first_ms, first_seq) <= (before_ms, before_seq) ORDER BY 1, 2, 3 LIMIT %s"
)


class BadSegment(NamedTuple):
    """A segment that cannot be read to its end, or whose row says what it does not hold."""

    partition: int
    first: Position
    last: Position
    #: Whose events are in it, by its row.
    organizations: list[str]
    what: str
    #: Whether entries of it could not be read.
    unreadable: bool


#: From an entry to organization and source, None where the contract refuses it.
Read = Callable[[LogEntry], tuple[str, str] | None]


class LogInspection:
    """One pass over all partitions.

    Attributes:
        segments: How many were opened.
        events: Entries of all that were.
        bad: What is wrong, segment by segment.
        ends: The last position of each partition that holds anything.
    """

    def __init__(self, connection: psycopg.Connection, partitions: int) -> None:
        """`connection` must be in autocommit."""
        self._connection = connection
        self._partitions = partitions
        self._log = Log(connection, partitions)
        self.segments = 0
        self.events = 0
        self.bad: list[BadSegment] = []
        self.ends: dict[int, Position] = {}

    def inspect(self, read: Read) -> Iterator[int]:
        """Give each entry to `read` once, in order; yields the entries of each segment."""
        for partition in range(self._partitions):
            after: Position = (-1, 0)
            for segment in self._log.segments(partition, after, _CHUNK):
                self.segments += 1
                self._inspect(segment, after, read)
                after = max(after, (segment.last_ms, segment.last_seq))
                self.events += segment.events
                yield segment.events
            if after != (-1, 0):
                self.ends[partition] = after

    def _inspect(self, segment: Segment, after: Position, read: Read) -> None:
        found: dict[str, dict[str, int]] = {}
        try:
            for entry in entries_of(segment):
                who = read(entry) if entry.position > after else None
                if who is not None:
                    of_organization = found.setdefault(who[0], {})
                    of_organization[who[1]] = of_organization.get(who[1], 0) + 1
        except SegmentError as error:
            self._note(segment, str(error), unreadable=True)
            return
        merged_meanwhile = (segment.first_ms, segment.first_seq) <= after
        if not merged_meanwhile and _says_more(segment, found):
            self._note(segment, "its row counts events that it does not hold", unreadable=False)

    def _note(self, segment: Segment, what: str, *, unreadable: bool) -> None:
        self.bad.append(
            BadSegment(
                segment.partition,
                (segment.first_ms, segment.first_seq),
                (segment.last_ms, segment.last_seq),
                segment.organizations,
                what,
                unreadable,
            )
        )

    def overlaps(self, limit: int) -> list[tuple[int, Position, Position]]:
        """Segments that begin before the one before them ends: partition, begin, that end."""
        rows = self._connection.execute(_OVERLAPS, (limit,)).fetchall()
        return [
            (partition, (ms, int(seq)), (before_ms, int(before_seq)))
            for partition, ms, seq, before_ms, before_seq in rows
        ]


def _says_more(segment: Segment, found: dict[str, dict[str, int]]) -> bool:
    """Whether the row counts what is not inside; what was parked when it came, it does not count.

    Readers skip segments by these columns, so a wrong one would hide entries.
    """
    if segment.organizations != sorted(segment.sources):
        return True
    counted = sum(sum(sources.values()) for sources in segment.sources.values())
    return counted > segment.events or any(
        count > found.get(organization_id, {}).get(source, 0)
        for organization_id, sources in segment.sources.items()
        for source, count in sources.items()
    )
