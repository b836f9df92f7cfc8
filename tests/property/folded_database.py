"""A database in memory that commits what `Folding` harvests, as the projector and storage do.

It knows of a write set only what `storage.commits` does with it: rows replace rows, differences
are added, entries move lanes on. The laws compare what two of them hold in the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from shared.contracts.codec import decode_fields
from shared.contracts.entries import Entry, kept_fields
from shared.contracts.event_types import KINDS
from shared.contracts.stream_names import INBOX_LANE, partition_of
from shared.folds.journal import Position
from shared.projections.folding import Condemned, FoldFailedError, Folding, Taken
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.write_set import Archived, Parked, WriteSet
from tests.property.event_strategies.deliveries import Delivery, Fields

#: Per tally and key the numbers; keys whose numbers are all 0 are left out.
Tallies = dict[str, dict[tuple[Any, ...], tuple[int, ...]]]

#: Entries that one read finds; a batch of more takes several.
READ_ENTRIES = 2


class Projection(NamedTuple):
    """All that must not depend on how the events came."""

    states: dict[SubjectKey, bytes]
    contributions: dict[SubjectKey, bytes]
    columns: dict[SubjectKey, tuple[Any, ...]]
    flow_versions: dict[tuple[str, str, int], tuple[int, str]]
    tallies: Tallies


class FoldedDatabase:
    """Subjects, tallies and parked entries after any number of batches."""

    def __init__(
        self,
        partitions: int = 1,
        cache_bytes: int = 2**20,
        astray: AbstractSet[int] = frozenset(),
    ) -> None:
        """Start empty.

        Args:
            cache_bytes: bounds what a projector remembers between batches.
            astray: which arrivals, counted from 1, come by the inbox or the next partition.
        """
        self.kept: dict[SubjectKey, Kept] = {}
        self.columns: dict[SubjectKey, tuple[Any, ...]] = {}
        self.flow_versions: dict[tuple[str, str, int], tuple[int, str]] = {}
        self.sums: dict[str, dict[tuple[Any, ...], list[int]]] = {}
        self.parked: list[Parked] = []
        self.archived: dict[int, list[Position]] = {}
        self.duplicates = 0
        self.suspects = 0
        self._partitions = partitions
        self._cache = StateCache(cache_bytes)
        self._folding = Folding(partitions, self._cache, self._load)
        self._clock = 0
        self._read: dict[int, Position] = {}
        self._astray = astray
        self._forwarded: list[Fields] = []

    def _load(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def receive(self, delivery: Delivery) -> "FoldedDatabase":
        """Fold and commit batch after batch; returns itself."""
        for batch in delivery:
            self.fold(self.arrive(batch), {})
        while self._forwarded:
            moved, self._forwarded = self._forwarded, []
            self.fold(self.arrive(moved), {})
        return self

    def arrive(self, batch: list[Fields]) -> list[tuple[int, Entry]]:
        """Give entries the lanes and the increasing ids that Redis would give them."""
        arrived = []
        for fields in batch:
            self._clock += 1
            lane = partition_of(decode_fields(fields).subject, self._partitions)
            if self._clock in self._astray:
                lane = INBOX_LANE if self._clock % 2 else (lane + 1) % self._partitions
            arrived.append((lane, Entry(1000 + self._clock // 3, self._clock % 3, fields)))
        return arrived

    def fold(self, batch: list[tuple[int, Entry]], condemned: Condemned) -> None:
        """Fold and commit one batch, which comes in reads of a few entries over all lanes.

        Raises:
            FoldFailedError: nothing of the batch was kept; fold it again.
        """
        read = dict(self._read)
        try:
            for first in range(0, len(batch), READ_ENTRIES):
                taken: dict[int, Taken] = {}
                for lane, entry in batch[first : first + READ_ENTRIES]:
                    taken.setdefault(lane, (read.get(lane, (0, 0)), []))[1].append(entry)
                    read[lane] = (entry.ms, entry.seq)
                self._folding.take_lanes(taken, condemned)
            writes = self._folding.harvest()
        except FoldFailedError:
            self._folding.discard()
            self._cache.clear()
            raise
        self._commit(writes)
        self._read = read
        self._cache.shrink()

    def _commit(self, writes: WriteSet) -> None:
        for lane, write in writes.lanes.items():
            assert write.old == self._read.get(lane, (0, 0))
            self._archive(lane, write.archived)
        for kind, rows in writes.rows.items():
            assert rows == sorted(rows, key=lambda row: row[:2])
            for organization_id, subject, *more in rows:
                key = (kind, organization_id, subject)
                known = self.kept[key].revision if key in self.kept else 0
                self.kept[key] = Kept(*more[:5])
                self.columns[key] = tuple(more[5:])
                assert self.kept[key].revision == known + 1
        for organization_id, flow_id, version, published_us, flow in writes.flow_versions:
            self.flow_versions[organization_id, flow_id, version] = (published_us, flow)
        for tally, sums in writes.differences.sums.items():
            for owner, numbers in sums.items():
                add(self.sums.setdefault(tally, {}), owner, numbers)
        self.parked += writes.parked
        self._forwarded += [list(forward.fields) for forward in writes.forwards]
        self.duplicates += writes.duplicates
        self.suspects += len(writes.suspects)

    def _archive(self, lane: int, archived: list[Archived]) -> None:
        """A lane's log holds its own subjects' entries, each once, in the order of the stream."""
        positions = self.archived.setdefault(lane, [])
        for ms, seq, mode, kept, *_ in archived:
            subject = decode_fields(kept_fields(mode, kept)).subject
            assert lane == partition_of(subject, self._partitions)
            assert not positions or (ms, seq) > positions[-1]
            positions.append((ms, seq))

    def projection(self) -> Projection:
        """What the rows and tallies say."""
        return Projection(
            states={key: kept.state for key, kept in self.kept.items()},
            contributions={key: kept.contribution for key, kept in self.kept.items()},
            columns=self.columns,
            flow_versions=self.flow_versions,
            tallies=without_zeros(self.sums),
        )


def identity_of(fields: Sequence[bytes]) -> tuple[str, ...]:
    """The identity of the event that an entry says, as `events.identity` gives it."""
    event = decode_fields(fields)
    kind = KINDS[type(event)].value
    return (event.organizationid, kind, event.subject, event.source, event.id)


def add(sums: dict[tuple[Any, ...], list[int]], key: tuple[Any, ...], numbers: list[int]) -> None:
    """Add numbers to those of a key."""
    old = sums.get(key, [0] * len(numbers))
    sums[key] = [a + b for a, b in zip(old, numbers, strict=True)]


def without_zeros(sums: dict[str, dict[tuple[Any, ...], list[int]]]) -> Tallies:
    """The rows of tallies that say anything."""
    said = {
        tally: {key: tuple(numbers) for key, numbers in rows.items() if any(numbers)}
        for tally, rows in sums.items()
    }
    return {tally: rows for tally, rows in said.items() if rows}
