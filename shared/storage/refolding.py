"""Folds what one execution's reports need out of the log again, as far as a cutoff says.

Called by `callfold replay`. Of the live generation it takes only how far that is folded, so it
answers with the code at hand, whatever code made the live one. Each partition is read twice: once
to find the subjects that name the execution in any of their events, once to fold all events of
those. Memory is bounded by subjects: where more of them are found, the log is read once more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import psycopg

from shared.contracts.entries import decode_kept
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS, Kind
from shared.contracts.stream_names import partition_of
from shared.errors import ContractError, SegmentError
from shared.folds.journal import Position, identity_hash
from shared.folds.states import FOLDS, encode_state
from shared.limits import REFOLDED_SUBJECTS_MAX
from shared.projections.attempts import AttemptRow
from shared.projections.contributions import Differences
from shared.projections.flow_versions import flow_version_rows
from shared.projections.folding import FoldFailedError
from shared.projections.subjects import PROJECT
from shared.reports.executions import read_execution
from shared.reports.published_flows import flow_choice
from shared.storage.cutoffs import Cutoff
from shared.storage.entry_subjects import whose
from shared.storage.log_reading import LogEntry, LogScan, Selection
from shared.storage.temporary_generation import TemporaryGeneration

_LEFT_OUT = "SELECT lane, ms, seq FROM callfold.left_out_entries"
#: Kind and id.
_Subject = tuple[Kind, str]


class _Folded:
    """A subject so far."""

    __slots__ = ("last", "seen", "state")

    def __init__(self) -> None:
        #: Identities of its events, also of those behind the cutoff: a first event decides for
        #: ever what its duplicates and conflicts are.
        self.seen: set[int] = set()
        self.state: Any = None
        self.last: Position = (0, 0)


class Refolding:
    """The fold of one organization's execution.

    Attributes:
        events_read: Events of the log that were looked at, or skipped by the segment.
        events_folded: Events that made states.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        ends: Mapping[int, Position],
        organization_id: str,
        execution_id: str,
        cutoff: Cutoff | None = None,
    ) -> None:
        """`ends` is how far each partition may be folded; `connection` is in autocommit."""
        self._connection = connection
        self._ends = {lane: end for lane, end in ends.items() if lane >= 0}
        self._organization_id = organization_id
        self._execution_id = execution_id
        self._cutoff = cutoff
        #: Parked by a verdict of ours after they were archived: live does not count them.
        self._left_out = {
            (lane, ms, int(seq)) for lane, ms, seq in connection.execute(_LEFT_OUT).fetchall()
        }
        self.events_read = 0
        self.events_folded = 0

    def fold_into(
        self, generation: TemporaryGeneration, partitions: int, progress: Callable[[], None]
    ) -> None:
        """Fill a generation with all that the execution's reports read.

        Args:
            generation: empty.
            partitions: of the installation.
            progress: called after each of them.

        Raises:
            SegmentError: the log is damaged.
            FoldFailedError: our own code fails on an event.
        """
        execution = self._fold_one(partitions, Kind.EXECUTION, self._execution_id)
        if execution is not None:
            state = encode_state(execution)
            generation.add_execution(self._organization_id, self._execution_id, state)
        flow_id = flow_choice(read_execution(execution)).flow_id
        flow = flow_id and self._fold_one(partitions, Kind.FLOW, flow_id)
        if flow_id and flow:
            generation.add_flow_versions(flow_version_rows(self._organization_id, flow_id, flow))
        sums = Differences()
        for lane in range(partitions):
            naming = sorted(self._naming(lane, partitions))
            for first in range(0, len(naming), REFOLDED_SUBJECTS_MAX):
                folded = self._fold(lane, naming[first : first + REFOLDED_SUBJECTS_MAX])
                rows = list(self._project(lane, folded, sums))
                generation.add_attempts(self._organization_id, rows)
            progress()
        generation.add_tallies(sums)

    def _fold_one(self, partitions: int, kind: Kind, subject: str) -> Any:
        """The state of one subject, None where no event of it is there."""
        folded = self._fold(partition_of(subject, partitions), [(kind, subject)], subject)
        return folded[kind, subject].state

    def _naming(self, lane: int, partitions: int) -> set[_Subject]:
        """The subjects of a partition of which any event names the execution."""
        naming = set()
        for entry in self._entries(lane, self._execution_id):
            said = self._whose(entry)
            if said is not None and said[1] == self._execution_id:
                kind, subject = said[0]
                # What lies in another partition than its own was parked there.
                if partition_of(subject, partitions) == lane:
                    naming.add((kind, subject))
        return naming

    def _fold(
        self, lane: int, subjects: Iterable[_Subject], holding: str = ""
    ) -> dict[_Subject, _Folded]:
        """Fold all events of these subjects; each of them holds the text `holding`."""
        folded = {subject: _Folded() for subject in subjects}
        for entry in self._entries(lane, holding):
            said = self._whose(entry)
            subject = None if said is None else folded.get(said[0])
            event = None if subject is None else _decode(entry)
            if subject is None or event is None:
                continue
            identity = identity_hash(event.source, event.id)
            if identity in subject.seen:
                continue
            subject.seen.add(identity)
            if self._cutoff is None or self._cutoff.admits(event.time_us, entry.received_ms):
                self._evolve(lane, entry.position, subject, event)
        return folded

    def _evolve(self, lane: int, position: Position, subject: _Folded, event: Event) -> None:
        try:
            subject.state = FOLDS[KINDS[type(event)]].evolve(subject.state, event)
        except Exception as error:
            raise FoldFailedError(lane, position, error) from error
        subject.last = position
        self.events_folded += 1

    def _project(
        self, lane: int, folded: dict[_Subject, _Folded], sums: Differences
    ) -> Iterator[tuple[str, AttemptRow]]:
        """Add what subjects contribute; yields the attempts of the execution.

        Sums of other executions that a subject names are incomplete, and read by nobody.
        """
        for (kind, subject_id), subject in folded.items():
            if subject.state is None:
                continue
            try:
                columns, contribution = PROJECT[kind.value](subject_id, subject.state)
            except Exception as error:
                raise FoldFailedError(lane, subject.last, error) from error
            sums.add(self._organization_id, contribution, 1)
            if isinstance(columns, AttemptRow) and columns.execution_id == self._execution_id:
                yield subject_id, columns

    def _entries(self, lane: int, holding: str) -> Iterator[LogEntry]:
        """What live has folded of a partition, as far as it may hold a text."""
        end = self._ends.get(lane)
        if end is None:
            return
        scan = LogScan(
            self._connection,
            Selection(partitions=[lane], until_ms=end[0], organization_id=self._organization_id),
        )
        needle = holding.encode()
        for entry in scan.entries(on_damage=_refuse):
            # Escapes may spell it otherwise; nearly no event has any.
            if needle in entry.kept or b"\\" in entry.kept:
                position = entry.position
                if position <= end and (lane, *position) not in self._left_out:
                    yield entry
        self.events_read += scan.events

    def _whose(self, entry: LogEntry) -> tuple[_Subject, str | None] | None:
        """Subject and execution of an event of the organization; None of any other entry."""
        said = whose(entry)
        if said is None or said.key[1] != self._organization_id:
            return None
        return (Kind(said.key[0]), said.key[2]), said.execution_id


def _decode(entry: LogEntry) -> Event | None:
    """The event of an entry; None where it was parked."""
    try:
        return decode_kept(entry.mode, entry.kept)
    except ContractError:
        return None


def _refuse(damage: str) -> None:
    raise SegmentError(damage)
