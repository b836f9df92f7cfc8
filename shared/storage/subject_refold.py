"""An organization's subjects folded anew from the log, in memory and from nothing, part by part.

Called by `repairing`, which holds them against what the database has. It writes nothing, and goes
on from where it stands whenever live has folded more.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from zlib import crc32

import psycopg

from shared.contracts.entries import ArchivedEntry
from shared.contracts.event_types import Kind
from shared.contracts.stream_names import partition_of
from shared.errors import SegmentError
from shared.folds.journal import Position, content_hash
from shared.projections.folding import Folding
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.storage.entry_subjects import Whose, whose
from shared.storage.log_reading import LogEntry, LogScan, Selection

#: Entries that are folded together; the subjects that they touch are decoded at a time.
_FOLD_EVENTS = 10_000
_LEFT_OUT = (
    "SELECT ms, seq FROM callfold.left_out_entries"
    " WHERE lane = %s AND (ms, seq) > (%s, %s) AND (ms, seq) <= (%s, %s)"
)


class RepairScope(NamedTuple):
    """What is looked at: an organization's subjects, or those that name one execution."""

    organization_id: str
    execution_id: str | None = None


class Share(NamedTuple):
    """A part of an organization's subjects, small enough to be held in memory."""

    organization_id: str
    partition: int
    #: Of all partitions.
    partitions: int
    #: Which pass over the partition's log, of so many: each takes other subjects.
    number: int = 0
    passes: int = 1

    def has(self, subject: str) -> bool:
        """Whether a subject belongs here."""
        return (
            partition_of(subject, self.partitions) == self.partition
            and crc32(subject.encode()) // self.partitions % self.passes == self.number
        )


class Refold:
    """The subjects of a share, as the log says that they must be.

    Attributes:
        position: How far the partition's log is folded in.
        rows: By subject its whole row but for the revision, which means nothing here.
    """

    def __init__(
        self, reading: psycopg.Connection, share: Share, wanted: Container[SubjectKey] | None
    ) -> None:
        """`reading` must be in autocommit; `wanted` are the subjects to fold, None is all.

        Flows are always folded: any execution may use them.
        """
        self.share = share
        self.position: Position = (0, 0)
        self.rows: dict[SubjectKey, tuple[Any, ...]] = {}
        self._reading = reading
        self._wanted = wanted
        self._flow_versions: dict[str, list[tuple[Any, ...]]] = {}
        self._cache = StateCache(0)
        self._folding = Folding(share.partitions, self._cache, self._load)

    def advance(
        self, end: Position, progress: Callable[[int], None] = lambda _events: None
    ) -> None:
        """Fold what the log holds up to `end`; `progress` is told of events as they are folded.

        Raises:
            SegmentError: a segment is damaged, so nobody knows what it held.
            FoldFailedError: our own code failed.
        """
        if end <= self.position:
            return
        rows = self._reading.execute(_LEFT_OUT, (self.share.partition, *self.position, *end))
        left_out = {(ms, int(seq)) for ms, seq in rows}
        waiting: list[ArchivedEntry] = []
        for entry, said in events_of(self._reading, self.share, self.position, end):
            if entry.position in left_out or not self._wants(said.key):
                continue
            content = content_hash(entry.kept)
            waiting.append((entry.ms, entry.seq, entry.mode, entry.kept, content))
            if len(waiting) == _FOLD_EVENTS:
                self._fold(waiting)
                progress(len(waiting))
                waiting = []
        self._fold(waiting)
        progress(len(waiting))
        self.position = end

    def flow_versions(self, flow_id: str) -> list[tuple[Any, ...]]:
        """The rows of a flow's published versions, in key order."""
        return self._flow_versions.get(flow_id, [])

    def size_bytes(self, key: SubjectKey) -> int:
        """How large a subject's state, journal and contribution are together."""
        row = self.rows.get(key)
        return 0 if row is None else sum(map(len, row[3:7]))

    def _wants(self, key: SubjectKey) -> bool:
        return self._wanted is None or key[0] == Kind.FLOW or key in self._wanted

    def _fold(self, entries: list[ArchivedEntry]) -> None:
        if not entries:
            return
        self._folding.follow(self.share.partition, self.position, entries, {})
        writes = self._folding.harvest()
        self._cache.clear()
        for kind, rows in writes.rows.items():
            self.rows.update(((kind, row[0], row[1]), row) for row in rows)
        for flow_id, versions in groupby(writes.flow_versions, key=itemgetter(1)):
            self._flow_versions[flow_id] = list(versions)

    def _load(self, keys: Iterable[SubjectKey]) -> dict[SubjectKey, Kept]:
        return {key: Kept(*self.rows[key][2:7]) for key in keys if key in self.rows}


def events_of(
    reading: psycopg.Connection,
    share: Share,
    after: Position,
    end: Position,
    needle: bytes = b"",
) -> Iterator[tuple[LogEntry, Whose]]:
    """The events of a share behind `after` up to `end`, in the order of the log.

    Args:
        needle: only events with these bytes in them, or with an escape that may spell them.

    Raises:
        SegmentError: a segment is damaged.
    """
    chosen = Selection(
        partitions=[share.partition],
        after=after,
        until_ms=end[0],
        organization_id=share.organization_id,
    )
    needles = (share.organization_id.encode(), needle)
    for entry in LogScan(reading, chosen).entries(_refuse_damage):
        if entry.position > end:
            return
        kept = entry.kept
        if (needles[0] in kept and needles[1] in kept) or b"\\" in kept:
            said = whose(entry)
            if said is not None and said.key[1] == share.organization_id and share.has(said.key[2]):
                yield entry, said


def _refuse_damage(line: str) -> None:
    raise SegmentError(f"{line}; nothing is repaired from a damaged log")
