"""The events of one subject out of the log: only the segments that its journal names are read.

Called by `callfold replay`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import psycopg

from shared.contracts.entries import decode_kept
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS, Kind
from shared.contracts.stream_names import partition_of
from shared.errors import ContractError
from shared.folds.journal import Position, unpack_positions
from shared.projections.state_cache import Kept, SubjectKey
from shared.storage.lanes import fold_positions
from shared.storage.log_reading import LogEntry, entries_of, segments_holding
from shared.storage.subjects import SubjectReader

_CONFLICTS = (
    "SELECT ms, seq FROM callfold.conflicting_events"
    " WHERE lane = %s AND kind = %s AND organization_id = %s AND subject = %s"
)
_LEFT_OUT = "SELECT reason FROM callfold.left_out_entries WHERE lane = %s AND ms = %s AND seq = %s"
_PARKED = "SELECT count(*) FROM callfold.parked_events WHERE subject = %s"


class Fate(StrEnum):
    """What became of an entry of the log."""

    FOLDED = "folded"
    #: Same source and id, and the same content, as one before it.
    DUPLICATE = "duplicate"
    #: Same source and id, other content: the first one stands.
    CONFLICT = "conflict"
    #: Parked by a verdict of ours, after it was archived.
    LEFT_OUT = "left out"
    #: Behind how far its lane is folded.
    WAITING = "not folded yet"


class HistoryEntry(NamedTuple):
    """One entry about a subject."""

    entry: LogEntry
    event: Event
    fate: Fate


class SubjectHistory:
    """The history of one subject in one generation.

    Attributes:
        kept: What the database holds of it, read once; None where it is unknown.
        segments_read: Segments of the log that were opened so far.
        missing: Positions of the journal that the log did not hold, once `entries` is through.
    """

    def __init__(
        self, connection: psycopg.Connection, generation: int, partitions: int, key: SubjectKey
    ) -> None:
        """`connection` must be in autocommit."""
        self._connection = connection
        self._generation = generation
        self._key = key
        self.partition = partition_of(key[2], partitions)
        # Before the state, so that what the state lacks lies behind it.
        self._folded_to = fold_positions(connection, generation).get(self.partition, (0, 0))
        self.kept: Kept | None = SubjectReader(connection, generation).load([key]).get(key)
        self.segments_read = 0
        self.missing: set[Position] = set()

    def entries(self) -> Iterator[HistoryEntry]:
        """Its entries in the order of the log.

        Duplicates are found where they lie in a segment that had to be read, conflicts everywhere.

        Raises:
            SegmentError: a segment is damaged.
        """
        assert self.kept is not None
        journal = set(unpack_positions(self.kept.positions))
        conflicts = self._conflicts()
        self.missing = set(journal)
        needle = self._key[2].encode()
        wanted = sorted(journal | conflicts)
        for segment in segments_holding(self._connection, self.partition, wanted):
            self.segments_read += 1
            for entry in entries_of(segment):
                known = entry.position in journal or entry.position in conflicts
                # Escapes may spell the subject otherwise; nearly no event has any.
                if not known and needle not in entry.kept and b"\\" not in entry.kept:
                    continue
                event = event_about(entry, self._key)
                if event is not None:
                    self.missing.discard(entry.position)
                    yield HistoryEntry(entry, event, self._fate(entry, journal, conflicts))

    def _conflicts(self) -> set[Position]:
        kind, organization_id, subject = self._key
        place = (self.partition, kind, organization_id, subject)
        rows = self._connection.execute(_CONFLICTS, place).fetchall()
        return {(ms, int(seq)) for ms, seq in rows}

    def _fate(self, entry: LogEntry, journal: set[Position], conflicts: set[Position]) -> Fate:
        if entry.position in journal:
            return Fate.FOLDED
        if entry.position in conflicts:
            return Fate.CONFLICT
        if entry.position > self._folded_to:
            return Fate.WAITING
        place = (self.partition, *entry.position)
        left_out = self._connection.execute(_LEFT_OUT, place).fetchone()
        return Fate.LEFT_OUT if left_out else Fate.DUPLICATE


def event_about(entry: LogEntry, key: SubjectKey) -> Event | None:
    """The event of an entry, where it is about this subject; None else."""
    try:
        event = decode_kept(entry.mode, entry.kept)
    except ContractError:
        return None  # parked, so it is nobody's
    found = (KINDS[type(event)].value, event.organizationid, event.subject)
    return event if found == key else None


def known_kinds(connection: psycopg.Connection, generation: int, key: SubjectKey) -> list[Kind]:
    """As what else an organization's subject of this name is known."""
    _, organization_id, subject = key
    keys = [(kind.value, organization_id, subject) for kind in Kind]
    found = SubjectReader(connection, generation).load(keys)
    return [Kind(kind) for kind, _, _ in keys if (kind, organization_id, subject) in found]


def parked_about(connection: psycopg.Connection, subject: str) -> int:
    """How many parked events name a subject."""
    row = connection.execute(_PARKED, (subject,)).fetchone()
    return int(row[0]) if row else 0
