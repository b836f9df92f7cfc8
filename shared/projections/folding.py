"""The heart of a projector and of a rebuild: entries in, one `WriteSet` out.

`Folding` decodes entries, drops duplicates by the journals, folds the rest into states, and says
what changes in rows and tallies. It does no I/O: states that are not in memory come through the
`load` that its owner gives, and the owner commits what `harvest` returns before it trusts it.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from shared.contracts.codec import decode_event, decode_fields, find_subject
from shared.contracts.entries import STRUCTURED, Entry, kept_form, whole_form
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS
from shared.contracts.park_reasons import OUR_REASONS, ParkReason
from shared.contracts.stream_names import INBOX_LANE, partition_of
from shared.errors import CallfoldError, ContractError
from shared.folds import journal
from shared.folds.flow import FlowState
from shared.folds.journal import IDENTITY_BYTES, Position, content_hash, find, identity_hash, record
from shared.folds.states import FOLDS, encode_state
from shared.projections.contributions import decode_contribution, encode_contribution
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.subjects import PROJECT
from shared.projections.write_set import Forward, LaneWrite, Parked, Suspect, WriteSet

#: Reads subjects that are not in memory: keys → what the database holds of them.
Load = Callable[[Iterable[SubjectKey]], Mapping[SubjectKey, Kept]]
#: An entry that must be parked whatever it says, by lane and position.
Condemned = Mapping[tuple[int, int, int], tuple[ParkReason, str]]

#: A lane's position, and the entries that follow it.
Taken = tuple[Position, list[Entry]]

_KIND_NAMES = {event_class: kind.value for event_class, kind in KINDS.items()}
_EVOLVE = {kind.value: fold.evolve for kind, fold in FOLDS.items()}
_DECODE = {kind.value: fold.decode for kind, fold in FOLDS.items()}
#: ms, seq, event, mode, kept bytes, key of the subject
_Decoded = tuple[int, int, Event, int, bytes, SubjectKey]
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

    __slots__ = ("added", "evolve", "kept", "lane", "records", "state")

    def __init__(self, lane: int, kind: str, kept: Kept) -> None:
        self.lane = lane
        self.kept = kept
        self.evolve = _EVOLVE[kind]
        self.state: Any = _DECODE[kind](kept.state) if kept.state else None
        self.records = kept.records
        self.added: list[Position] = []


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
        decoded: dict[int, list[_Decoded]] = {}
        for lane, (old, entries) in taken.items():
            write = self._writes.lanes.setdefault(lane, LaneWrite(old=old, new=old))
            decoded[lane] = self._decode_all(lane, entries, condemned)
            self._move(write, entries)
        self._open_subjects(decoded)
        for lane, events in decoded.items():
            self._fold_all(lane, self._writes.lanes[lane], events)

    def archive(self, lane: int, old: Position, entries: list[Entry]) -> None:
        """Take entries into the log without folding them: the lane's breaker is open."""
        write = self._writes.lanes.setdefault(lane, LaneWrite(old=old, new=old, folded=False))
        for ms, seq, event, mode, kept, _ in self._decode_all(lane, entries, {}):
            checksum = content_hash(kept)
            write.archived.append(
                (ms, seq, mode, kept, checksum, event.organizationid, event.source)
            )
        write.archived.sort()  # bad entries were taken in while decoding
        self._move(write, entries)

    def follow(self, lane: int, old: Position, entries: list[Entry], condemned: Condemned) -> None:
        """Fold entries that the log holds already; all of a batch comes from it or none."""
        self._writes.from_log = True
        self.take(lane, old, entries, condemned)

    def _move(self, write: LaneWrite, entries: list[Entry]) -> None:
        last = entries[-1]
        write.new = (last.ms, last.seq)
        write.entries += len(entries)
        self._writes.events += len(entries)

    def _decode_all(self, lane: int, entries: list[Entry], condemned: Condemned) -> list[_Decoded]:
        """The events that are to be folded here; parks or forwards the others."""
        decoded: list[_Decoded] = []
        opened, partitions = self._open, self._partitions
        for entry in entries:
            ms, seq, fields = entry
            mode, kept = kept_form(fields)
            self.bytes_held += len(kept)
            try:
                if condemned and (lane, ms, seq) in condemned:
                    raise ContractError(*condemned[lane, ms, seq])
                event = decode_event(kept) if mode == STRUCTURED else decode_fields(fields)
            except ContractError as error:
                self._turn_away(lane, entry, mode, kept, error)
                continue
            subject = event.subject
            key = (_KIND_NAMES[type(event)], event.organizationid, subject)
            known = opened.get(key)
            if known is not None and known.lane == lane:
                decoded.append((ms, seq, event, mode, kept, key))
            elif partition_of(subject, partitions) != lane:
                self._forward(subject, entry)
            else:
                decoded.append((ms, seq, event, mode, kept, key))
        return decoded

    def _turn_away(
        self, lane: int, entry: Entry, mode: int, kept: bytes, error: ContractError
    ) -> None:
        """A bad event: parked where it is; the inbox hands it to its subject's partition."""
        subject = find_subject(entry.fields) if lane == INBOX_LANE else None
        if subject is not None and error.reason not in OUR_REASONS:
            self._forward(subject, entry)
        else:
            self._park(lane, entry, mode, kept, error)

    def _forward(self, subject: str, entry: Entry) -> None:
        partition = partition_of(subject, self._partitions)
        self._writes.forwards.append(Forward(partition, entry.fields))

    def _park(self, lane: int, entry: Entry, mode: int, kept: bytes, error: ContractError) -> None:
        whole_mode, whole = whole_form(entry.fields)
        self._writes.parked.append(
            Parked(
                lane=lane,
                ms=entry.ms,
                seq=entry.seq,
                reason=error.reason,
                detail=error.detail,
                mode=whole_mode,
                kept=kept,
                length_bytes=len(whole),
                sha256=sha256(whole).digest(),
            )
        )
        write = self._writes.lanes[lane]
        checksum = content_hash(kept)
        write.archived.append((entry.ms, entry.seq, mode, kept, checksum, None, None))

    def _open_subjects(self, decoded: dict[int, list[_Decoded]]) -> None:
        opened = self._open
        missing: dict[SubjectKey, int] = {}
        for lane, events in decoded.items():
            for key in {item[5] for item in events}:
                if key not in opened:
                    kept = self._cache.get(lane, key)
                    if kept is None:
                        missing[key] = lane
                    else:
                        opened[key] = _Open(lane, key[0], kept)
        if missing:
            loaded = self._load(missing)
            for key, lane in missing.items():
                opened[key] = _Open(lane, key[0], loaded.get(key, _NOTHING))

    def _fold_all(self, lane: int, write: LaneWrite, decoded: list[_Decoded]) -> None:
        opened, archived = self._open, write.archived
        mixed = bool(archived)
        for ms, seq, event, mode, kept, key in decoded:
            source = event.source
            content = content_hash(kept)
            archived.append((ms, seq, mode, kept, content, key[1], source))
            subject = opened[key]
            identity = identity_hash(source, event.id)
            remembered = record(identity, content)
            # One search of the bytes tells new events, which most are; `find` knows the layout.
            if remembered[:IDENTITY_BYTES] in subject.records and (
                find(subject.records, identity) is not None
            ):
                self._duplicate(lane, (ms, seq, event, mode, kept, key), identity, content)
                continue
            subject.records += remembered
            subject.added.append((ms, seq))
            try:
                subject.state = subject.evolve(subject.state, event)
            except Exception as error:
                raise FoldFailedError(lane, (ms, seq), error) from error
        if mixed:
            archived.sort()  # bad entries were taken in while decoding

    def _duplicate(self, lane: int, item: _Decoded, identity: int, content: int) -> None:
        """Known already; with other bytes it may be a conflict, which the committer finds out."""
        ms, seq, event, mode, kept, key = item
        subject = self._open[key]
        self._writes.duplicates += 1
        if find(subject.records, identity) == content:
            return
        positions = journal.append_positions(subject.kept.positions, subject.added)
        first = journal.position_of(subject.records, positions, identity)
        assert first is not None
        self._writes.suspects.append(
            Suspect(lane, ms, seq, *key, event.source, event.id, mode, kept, first)
        )

    def harvest(self) -> WriteSet:
        """Close the batch: what must be committed. The next batch builds on it at once.

        Raises:
            FoldFailedError: our own code failed; the batch must be discarded.
        """
        writes, self._writes = self._writes, WriteSet()
        for key, subject in self._open.items():
            if subject.added:
                try:
                    self._close(writes, key, subject)
                except Exception as error:
                    raise FoldFailedError(subject.lane, subject.added[0], error) from error
            else:
                self._cache.put(subject.lane, key, subject.kept)
        self._open = {}
        self.bytes_held = 0
        for rows in writes.rows.values():
            rows.sort(key=_row_key)
        writes.flow_versions.sort()
        return writes

    def _close(self, writes: WriteSet, key: SubjectKey, subject: _Open) -> None:
        kind, organization_id, subject_id = key
        old = subject.kept
        columns, contribution = PROJECT[kind](subject.state)
        kept = Kept(
            revision=old.revision + 1,
            state=encode_state(subject.state),
            records=subject.records,
            positions=journal.append_positions(old.positions, subject.added),
            contribution=encode_contribution(contribution),
        )
        if kept.contribution != old.contribution:
            if old.contribution:
                before = decode_contribution(old.contribution)
                writes.differences.add(organization_id, before, -1)
            writes.differences.add(organization_id, contribution, 1)
        writes.rows[kind].append((organization_id, subject_id, *kept, *columns))
        if isinstance(subject.state, FlowState):
            writes.flow_versions += [
                (
                    organization_id,
                    subject_id,
                    int(number),
                    version.published_us,
                    version.published[4].decode(),
                )
                for number, version in subject.state.versions.items()
            ]
        self._cache.put(subject.lane, key, kept)


def _row_key(row: tuple[Any, ...]) -> tuple[str, str]:
    return row[0], row[1]
