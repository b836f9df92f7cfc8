"""The heart of a projector and of a rebuild: entries in, one `WriteSet` out.

`Folding` decodes entries, drops duplicates by the journals, folds the rest into states, and says
what changes in rows and tallies. It does no I/O: states that are not in memory come through the
`load` that its owner gives, and the owner commits what `harvest` returns before it trusts it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.contracts.codec import decode_bounded, decode_fields, find_sequence, find_subject
from shared.contracts.entries import (
    STRUCTURED,
    ArchivedEntry,
    Entry,
    decode_kept,
    kept_fields,
    kept_form,
)
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS
from shared.contracts.park_reasons import OUR_REASONS, ParkReason
from shared.contracts.stream_names import INBOX_LANE, partition_of
from shared.errors import CallfoldError, ContractError
from shared.folds import journal
from shared.folds.flow import FlowState
from shared.folds.journal import IDENTITY_BYTES, Position, content_hash, find, identity_hash, record
from shared.folds.states import FOLDS, encode_state
from shared.projections.contributions import NOTHING, decode_contribution, encode_contribution
from shared.projections.flow_versions import flow_version_rows
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.subjects import PROJECT
from shared.projections.write_set import Forward, LaneWrite, Suspect, WriteSet, parked_entry

#: Reads subjects that are not in memory: keys → what the database holds of them.
Load = Callable[[Iterable[SubjectKey]], Mapping[SubjectKey, Kept]]
#: An entry that must be parked whatever it says, by lane and position.
Condemned = Mapping[tuple[int, int, int], tuple[ParkReason, str]]

#: A lane's position, and the entries that follow it.
Taken = tuple[Position, list[Entry]]

_KIND_NAMES = {event_class: kind.value for event_class, kind in KINDS.items()}
_EVOLVE = {kind.value: fold.evolve for kind, fold in FOLDS.items()}
_DECODE = {kind.value: fold.decode for kind, fold in FOLDS.items()}
#: ms, seq, mode, kept bytes, hash of these, event: an event that waits to be folded
_Waiting = tuple[int, int, int, bytes, int, Event]
_NOBODY: Condemned = {}
_NOTHING = Kept(revision=0, state=b"", records=b"", positions=b"", contribution=b"")


class FoldFailedError(CallfoldError):
    """Our own code failed on an event that decodes."""

    def __init__(self, lane: int, position: Position, cause: BaseException) -> None:
        """The entry at `position` of `lane` is the one to park."""
        super().__init__(f"lane {lane}, entry {position[0]}-{position[1]}: {cause!r}")
        self.lane = lane
        self.position = position


class _Open:
    """A subject that the batch touches."""

    __slots__ = ("added", "evolve", "kept", "key", "lane", "records", "state", "waiting")

    def __init__(self, lane: int, key: SubjectKey) -> None:
        self.lane = lane
        self.key = key
        self.evolve = _EVOLVE[key[0]]
        self.kept: Kept | None = None
        self.state: Any = None
        self.records = b""
        #: Positions of the events that the batch folded in.
        self.added: list[Position] = []
        #: Decoded, and not yet folded.
        self.waiting: list[_Waiting] = []

    def begin(self, kept: Kept) -> None:
        """Go on from what the database holds, or will hold."""
        self.kept = kept
        self.records = kept.records
        if kept.state:
            self.state = _DECODE[self.key[0]](kept.state)


class Folding:
    """The batch that is being folded, over any number of lanes."""

    def __init__(self, partitions: int, cache: StateCache, load: Load) -> None:
        """Fold for an installation of `partitions`; states come from `cache`, else from `load`."""
        self._partitions = partitions
        self._cache = cache
        self._load = load
        self._open: dict[SubjectKey, _Open] = {}
        self._writes = WriteSet()
        self.bytes_held = 0

    @property
    def events(self) -> int:
        """Entries taken since the last harvest."""
        return self._writes.events

    @property
    def subjects(self) -> int:
        """Subjects whose states are in memory decoded."""
        return len(self._open)

    def discard(self) -> None:
        """Forget the batch: the commit before it failed, or its lanes are gone."""
        self._open.clear()
        self._writes = WriteSet()
        self.bytes_held = 0

    def take(self, lane: int, old: Position, entries: list[Entry], condemned: Condemned) -> None:
        """Fold entries of one lane; see `take_lanes`."""
        self.take_lanes({lane: (old, entries)}, condemned)

    def take_lanes(self, taken: Mapping[int, Taken], condemned: Condemned) -> None:
        """Fold entries of several lanes; each lane's follow its position without a gap.

        States that are not in memory are asked for once, for all lanes together.

        Raises:
            FoldFailedError: our own code failed; the batch must be discarded.
        """
        touched: list[_Open] = []
        for lane, (old, entries) in taken.items():
            write = self._writes.lanes.setdefault(lane, LaneWrite(old=old, new=old))
            self._decode_all(lane, write, entries, condemned, touched)
            self._move(write, (entries[-1].ms, entries[-1].seq), len(entries))
        self._begin_subjects(touched)
        for subject in touched:
            self._fold(subject)

    def archive(
        self, lane: int, old: Position, entries: list[Entry], condemned: Condemned = _NOBODY
    ) -> None:
        """Take entries into the log without folding them: the lane's breaker is open.

        What not even decodes by a fault of ours, or is condemned, is taken as it is: `follow` finds
        it in the log, and only then it is parked, once.
        """
        write = self._writes.lanes.setdefault(lane, LaneWrite(old=old, new=old, folded=False))
        touched: list[_Open] = []
        for entry in entries:
            if (lane, entry.ms, entry.seq) in condemned:
                self._archive_unread(lane, write, entry)
                continue
            try:
                self._decode_all(lane, write, [entry], {}, touched)
            except FoldFailedError:
                self._archive_unread(lane, write, entry)
        for subject in touched:
            subject.waiting.clear()
        self._move(write, (entries[-1].ms, entries[-1].seq), len(entries))

    def _archive_unread(self, lane: int, write: LaneWrite, entry: Entry) -> None:
        subject = find_subject(entry.fields)
        if subject is not None and partition_of(subject, self._partitions) != lane:
            self._forward(subject, lane, entry)
        else:
            mode, kept = kept_form(entry.fields)
            unread = (entry.ms, entry.seq, mode, kept, content_hash(kept), None, None)
            write.archived.append(unread)

    def follow(
        self, lane: int, old: Position, entries: list[ArchivedEntry], condemned: Condemned
    ) -> None:
        """Fold entries that the log holds already; all of a batch comes from it or none.

        What does not decode was parked when it was archived, what belongs elsewhere was moved.

        Raises:
            FoldFailedError: our own code failed; the batch must be discarded.
        """
        self._writes.from_log = True
        write = self._writes.lanes.setdefault(lane, LaneWrite(old=old, new=old))
        touched = self._decode_archived(lane, entries, condemned)
        self._move(write, entries[-1][:2], len(entries))
        self._begin_subjects(touched)
        for subject in touched:
            self._fold(subject)

    def _move(self, write: LaneWrite, new: Position, entries: int) -> None:
        write.new = new
        write.entries += entries
        self._writes.events += entries

    def _decode_all(
        self,
        lane: int,
        write: LaneWrite,
        entries: list[Entry],
        condemned: Condemned,
        touched: list[_Open],
    ) -> None:
        """Archive entries and lay each event beside its subject; parks or forwards the others.

        Adds to `touched` the subjects that have events waiting now.

        Raises:
            FoldFailedError: our own code failed at decoding, and its lane must see to it.
        """
        opened, kind_names, archive = self._open, _KIND_NAMES, write.archived.append
        sequences = self._writes.sequences
        for entry in entries:
            ms, seq, fields = entry
            mode, kept = kept_form(fields)
            self.bytes_held += len(kept)
            try:
                if condemned and (lane, ms, seq) in condemned:
                    raise ContractError(*condemned[lane, ms, seq])
                event = decode_bounded(kept) if mode == STRUCTURED else decode_fields(fields)
            except ContractError as error:
                self._turn_away(lane, entry, mode, kept, error)
                continue
            except Exception as error:
                # The inbox has no breaker: it leaves the entry to its partition, which has one.
                subject_id = find_subject(fields) if lane == INBOX_LANE else None
                if subject_id is None:
                    raise FoldFailedError(lane, (ms, seq), error) from error
                self._forward(subject_id, lane, entry)
                continue
            organization_id = event.organizationid
            key = (kind_names[type(event)], organization_id, event.subject)
            subject = opened.get(key)
            if subject is None or subject.lane != lane:
                if partition_of(event.subject, self._partitions) != lane:
                    self._forward(event.subject, lane, entry)
                    continue
                subject = opened[key] = _Open(lane, key)
            content = content_hash(kept)
            archive((ms, seq, mode, kept, content, organization_id, event.source))
            if event.sequence is not None:
                sequences[organization_id, event.source].append(event.sequence)
            if not subject.waiting:
                touched.append(subject)
            subject.waiting.append((ms, seq, mode, kept, content, event))

    def _decode_archived(
        self, lane: int, entries: list[ArchivedEntry], condemned: Condemned
    ) -> list[_Open]:
        """Lay each event beside its subject; returns the subjects that have events waiting now."""
        opened, kind_names = self._open, _KIND_NAMES
        touched: list[_Open] = []
        for ms, seq, mode, kept, content in entries:
            try:
                if condemned and (lane, ms, seq) in condemned:
                    raise ContractError(*condemned[lane, ms, seq])
                event = decode_bounded(kept) if mode == STRUCTURED else decode_kept(mode, kept)
            except ContractError as error:
                if error.reason in OUR_REASONS:
                    entry = Entry(ms, seq, kept_fields(mode, kept))
                    self._park(lane, entry, mode, kept, error)
                continue
            except Exception as error:
                raise FoldFailedError(lane, (ms, seq), error) from error
            key = (kind_names[type(event)], event.organizationid, event.subject)
            subject = opened.get(key)
            if subject is None or subject.lane != lane:
                if partition_of(event.subject, self._partitions) != lane:
                    continue
                subject = opened[key] = _Open(lane, key)
            if not subject.waiting:
                touched.append(subject)
            subject.waiting.append((ms, seq, mode, kept, content, event))
        return touched

    def _turn_away(
        self, lane: int, entry: Entry, mode: int, kept: bytes, error: ContractError
    ) -> None:
        """A bad event: parked where it is; the inbox hands it to its subject's partition."""
        subject = find_subject(entry.fields) if lane == INBOX_LANE else None
        if subject is not None and error.reason not in OUR_REASONS:
            self._forward(subject, lane, entry)
        else:
            self._park(lane, entry, mode, kept, error)

    def _forward(self, subject: str, lane: int, entry: Entry) -> None:
        partition = partition_of(subject, self._partitions)
        origin = lane, entry.ms, entry.seq
        self._writes.forwards.append(Forward(partition, entry.fields, origin))

    def _park(self, lane: int, entry: Entry, mode: int, kept: bytes, error: ContractError) -> None:
        self._writes.parked.append(parked_entry(lane, entry, kept, error))
        write = self._writes.lanes[lane]
        checksum = content_hash(kept)
        write.archived.append((entry.ms, entry.seq, mode, kept, checksum, None, None))
        numbered = find_sequence(entry.fields)
        if numbered is not None:
            self._writes.sequences[numbered.organizationid, numbered.source].append(
                numbered.sequence
            )

    def _begin_subjects(self, touched: list[_Open]) -> None:
        """Give each subject that is new to the batch its state, from memory or the database."""
        missing: dict[SubjectKey, _Open] = {}
        for subject in touched:
            if subject.kept is None:
                kept = self._cache.get(subject.lane, subject.key)
                if kept is None:
                    missing[subject.key] = subject
                else:
                    _begin(subject, kept)
        if missing:
            loaded = self._load(missing)
            for key, subject in missing.items():
                _begin(subject, loaded.get(key, _NOTHING))

    def _fold(self, subject: _Open) -> None:
        """Fold the events that wait beside a subject, but for those that it knows."""
        records, evolve, added = subject.records, subject.evolve, subject.added
        for waiting in subject.waiting:
            event = waiting[5]
            identity = identity_hash(event.source, event.id)
            remembered = record(identity, waiting[4])
            # One search of the bytes tells new events, which most are; `find` knows the layout.
            if remembered[:IDENTITY_BYTES] in records and find(records, identity) is not None:
                subject.records = records
                self._duplicate(subject, waiting, identity)
                continue
            records += remembered
            added.append((waiting[0], waiting[1]))
            try:
                subject.state = evolve(subject.state, event)
            except BaseException as error:  # an exit of its thread would leave its lanes held
                position = (waiting[0], waiting[1])
                raise FoldFailedError(subject.lane, position, error) from error
        subject.records = records
        subject.waiting.clear()

    def _duplicate(self, subject: _Open, duplicate: _Waiting, identity: int) -> None:
        """Known already; with other bytes it may be a conflict, which the committer finds out."""
        ms, seq, mode, kept, content, event = duplicate
        self._writes.duplicates += 1
        if find(subject.records, identity) == content:
            return
        assert subject.kept is not None
        positions = journal.append_positions(subject.kept.positions, subject.added)
        first = journal.position_of(subject.records, positions, identity)
        assert first is not None
        place, what = (subject.lane, ms, seq), (*subject.key, event.source, event.id)
        self._writes.suspects.append(Suspect(*place, *what, mode, kept, first))

    def harvest(self) -> WriteSet:
        """Close the batch: what must be committed. The next batch builds on it at once.

        Raises:
            FoldFailedError: our own code failed; the batch must be discarded.
        """
        writes, self._writes = self._writes, WriteSet()
        for subject in self._open.values():
            if subject.kept is not None:
                try:
                    self._close(writes, subject, subject.kept)
                except Exception as error:
                    raise FoldFailedError(subject.lane, subject.added[0], error) from error
        self._open = {}
        self.bytes_held = 0
        for rows in writes.rows.values():
            rows.sort(key=_row_key)
        writes.flow_versions.sort()
        return writes

    def _close(self, writes: WriteSet, subject: _Open, old: Kept) -> None:
        key = kind, organization_id, subject_id = subject.key
        if not subject.added:
            self._cache.put(subject.lane, key, old)
            return
        columns, contribution = PROJECT[kind](subject_id, subject.state)
        encoded = encode_contribution(contribution)
        if encoded != old.contribution:
            before = decode_contribution(old.contribution) if old.contribution else NOTHING
            writes.differences.move(organization_id, before, contribution)
        kept = Kept(
            old.revision + 1,
            encode_state(subject.state),
            subject.records,
            journal.append_positions(old.positions, subject.added),
            encoded,
        )
        writes.rows[kind].append((organization_id, subject_id, *kept, *columns))
        if isinstance(subject.state, FlowState):
            writes.flow_versions += flow_version_rows(organization_id, subject_id, subject.state)
        self._cache.put(subject.lane, key, kept)


def _begin(subject: _Open, kept: Kept) -> None:
    """Raise FoldFailedError where a state does not decode: each event of its subject is parked."""
    try:
        subject.begin(kept)
    except Exception as error:
        raise FoldFailedError(subject.lane, subject.waiting[0][:2], error) from error


def _row_key(row: tuple[Any, ...]) -> tuple[str, str]:
    return row[0], row[1]
