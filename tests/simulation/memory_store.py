"""PostgreSQL's part in memory: one object for the tables, each rule named after its statement.

Whatever the product decides by a row lock is decided here by the order of calls: a method is one
statement, and `Transaction` one commit, whose lease rows stay locked from its fence to its end.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from shared.contracts.entries import ArchivedEntry
from shared.contracts.park_reasons import OUR_REASONS
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import FencedError, StaleStateError
from shared.folds.journal import Position
from shared.projections.state_cache import Kept, SubjectKey
from shared.projections.write_set import Archived, LaneWrite, Parked, WriteSet
from shared.storage.conflicts import _differs
from shared.storage.lanes import DEATHS_SUSPECT, Cursor, Held
from tests.simulation.scheduler import Scheduler

GENERATION = 1
_NEVER_S = float("-inf")


class Lease:
    """A row of `callfold.leases`."""

    __slots__ = (
        "accused",
        "archive_only",
        "at_hand",
        "epoch",
        "expires_at_s",
        "owner",
        "unclean_deaths",
    )

    def __init__(self) -> None:
        self.owner: str | None = None
        self.epoch = 0
        self.expires_at_s = _NEVER_S
        self.unclean_deaths = 0
        self.at_hand = True
        self.accused: str | None = None
        self.archive_only: str | None = None


class LaneRow:
    """A row of `callfold.lanes`."""

    __slots__ = ("entries_read", "position", "vouched_ms")

    def __init__(self) -> None:
        self.position: Position = (0, 0)
        self.entries_read = 0
        self.vouched_ms = 0


class ParkedAt(NamedTuple):
    """Where and why an entry was parked."""

    lane: int
    position: Position
    reason: str


class MemoryStore:
    """The tables of an installation with one generation."""

    def __init__(self, scheduler: Scheduler, lanes: Iterable[int]) -> None:
        self._scheduler = scheduler
        self.projectors: dict[str, float] = {}
        self.leases = {lane: Lease() for lane in lanes}
        self.lanes = {lane: LaneRow() for lane in self.leases}
        self.positions: dict[int, Position] = {}
        self.log: dict[int, list[Archived]] = {lane: [] for lane in self.leases}
        self.subjects: dict[SubjectKey, Kept] = {}
        self.tallies: dict[str, dict[Any, list[int]]] = defaultdict(dict)
        self.parked: list[ParkedAt] = []
        self.conflicts: set[tuple[int, Position]] = set()
        #: Lane → open transactions that locked its lease row.
        self.locked: dict[int, list[Transaction]] = {lane: [] for lane in self.leases}
        #: Batches committed by lane and old position: O4 allows one each.
        self.committed: set[tuple[int, Position, bool]] = set()
        #: Subject → its events that a constraint refuses, as its journal names them.
        self.refuses: defaultdict[SubjectKey, list[bytes]] = defaultdict(list)

    # Leases: the statements of `shared/storage/lanes.py`, one method each.

    def beat(self, projector: str, lease_s: float) -> int:
        """`Lanes.beat`."""
        now_s = self._scheduler.now_s
        self.projectors[projector] = now_s + lease_s
        for name in [name for name, at_s in self.projectors.items() if at_s < now_s]:
            del self.projectors[name]
        return len(self.projectors)

    def renew(self, projector: str, lease_s: float) -> Held:
        """`Lanes.renew`: only what has not run out."""
        now_s, held = self._scheduler.now_s, Held({}, set(), {})
        for lane, lease in self.leases.items():
            if lease.owner == projector and lease.expires_at_s > now_s:
                lease.expires_at_s = now_s + lease_s
                held.epochs[lane] = lease.epoch
                held.deaths[lane] = lease.unclean_deaths
                if lease.archive_only is not None:
                    held.archive_only.add(lane)
        return held

    def take(self, projector: str, lease_s: float, lanes_max: int) -> dict[int, int]:
        """`Lanes.take`: FOR UPDATE SKIP LOCKED passes lanes by that a commit holds."""
        now_s = self._scheduler.now_s
        taken: dict[int, int] = {}
        for lane in sorted(self.leases):
            lease = self.leases[lane]
            free = lease.owner is None or lease.expires_at_s < now_s
            if len(taken) == lanes_max or not free or self.locked[lane]:
                continue
            died = lease.owner is not None and lease.owner != projector
            lease.accused = lease.owner if died and lease.at_hand else None
            lease.unclean_deaths += lease.accused is not None
            lease.at_hand = lease.unclean_deaths < DEATHS_SUSPECT
            lease.owner, lease.expires_at_s = projector, now_s + lease_s
            lease.epoch += 1
            taken[lane] = lease.epoch
        if len(taken) < lanes_max:
            self._end_stalled(lease_s)
        return taken

    def _end_stalled(self, lease_s: float) -> None:
        """`end_stalled`: owners whose leases ran out a lease ago lose their locks."""
        now_s = self._scheduler.now_s
        for lane, transactions in self.locked.items():
            if self.leases[lane].expires_at_s < now_s - lease_s:
                for transaction in list(transactions):
                    transaction.abort()

    def release(self, projector: str, lanes: Iterable[int]) -> None:
        """`Lanes.release`."""
        for lane in lanes:
            lease = self.leases[lane]
            if lease.owner == projector:
                lease.owner, lease.expires_at_s = None, _NEVER_S

    def still_alive(self, projector: str) -> int:
        """`Lanes.still_alive`; returns of how many lanes."""
        wronged = [lease for lease in self.leases.values() if lease.accused == projector]
        for lease in wronged:
            lease.accused = None
            lease.at_hand = lease.at_hand or lease.unclean_deaths <= DEATHS_SUSPECT
            lease.unclean_deaths = max(lease.unclean_deaths - 1, 0)
        return len(wronged)

    def survived(self, projector: str, lanes: Iterable[int]) -> None:
        """`Lanes.survived`."""
        for lane in lanes:
            if self.leases[lane].owner == projector:
                self.leases[lane].unclean_deaths = 0
                self.leases[lane].at_hand = True

    def say_at_hand(
        self,
        suspects: Mapping[int, int],
        at_hand: Collection[int],
        cleared: Mapping[int, int],
    ) -> None:
        """`Lanes.say_at_hand`."""
        for lane, epoch in suspects.items():
            lease = self.leases[lane]
            if lease.epoch == epoch:
                lease.at_hand = lane in at_hand or lease.unclean_deaths < DEATHS_SUSPECT
        for lane, epoch in cleared.items():
            if self.leases[lane].epoch == epoch:
                self.leases[lane].at_hand, self.leases[lane].unclean_deaths = True, 0

    def archive_only(self, lanes: Iterable[int], reason: str | None) -> None:
        """`Lanes.open_breaker`, and `close_breaker` without a reason."""
        for lane in lanes:
            self.leases[lane].archive_only = reason

    def vouch(self, vouched: Mapping[int, int]) -> None:
        """`Lanes.vouch`."""
        for lane, ms in vouched.items():
            self.lanes[lane].vouched_ms = max(self.lanes[lane].vouched_ms, ms)

    def cursors(self, lanes: Iterable[int]) -> dict[int, Cursor]:
        """`Lanes.cursors`."""
        return {
            lane: Cursor(
                self.lanes[lane].position,
                self.positions.get(lane, (0, 0)),
                self.lanes[lane].entries_read,
                self.leases[lane].unclean_deaths,
                self.leases[lane].archive_only,
            )
            for lane in lanes
        }

    def archived_through_ms(self) -> int:
        """`archived_through_ms`."""
        rows = (row for lane, row in self.lanes.items() if lane >= 0)
        return min(max(row.vouched_ms, row.position[0] - 1) for row in rows)

    # What the engine reads.

    def entries(self, lane: int, after: Position, segment: int) -> Iterator[list[ArchivedEntry]]:
        """`Log.entries`, so many entries at a time."""
        while some := [e[:5] for e in self.log[lane] if e[:2] > after][:segment]:
            yield some
            after = some[-1][:2]

    def load(self, keys: Iterable[SubjectKey]) -> dict[SubjectKey, Kept]:
        """`SubjectReader.load`."""
        return {key: self.subjects[key] for key in keys if key in self.subjects}


class Transaction:
    """`Committer.commit`: begun by the fence, ended by `land` or `abort`."""

    def __init__(
        self, store: MemoryStore, projector: str, writes: WriteSet, epochs: Mapping[int, int]
    ) -> None:
        """`Committer._fence`: the rows stay locked FOR KEY SHARE.

        Raises:
            FencedError: lanes are held at other epochs, or by others.
        """
        self._store = store
        self._writes = writes
        self._epochs = epochs
        self.aborted = False
        lost = {
            lane
            for lane, epoch in epochs.items()
            if (store.leases[lane].owner, store.leases[lane].epoch) != (projector, epoch)
        }
        if lost:
            raise FencedError(frozenset(lost))
        for lane in epochs:
            store.locked[lane].append(self)

    def abort(self) -> None:
        """ROLLBACK, or the end of the session."""
        self.aborted = True
        for lane in self._epochs:
            if self in self._store.locked[lane]:
                self._store.locked[lane].remove(self)

    def land(self) -> None:
        """All statements, and COMMIT; whatever is raised, nothing is written.

        Raises:
            FencedError, StaleStateError: as `Committer.commit`.
            psycopg.OperationalError: the session was ended meanwhile.
            psycopg.errors.CheckViolation: a row holds what a constraint refuses.
        """
        if self.aborted:
            raise psycopg.OperationalError("terminating connection due to administrator command")
        try:
            self._check()
            self._write()
        finally:
            self.abort()

    def _check(self) -> None:
        store, writes = self._store, self._writes
        if not writes.from_log:  # `_move_cursors`
            moved_on = {p for p, w in writes.lanes.items() if store.lanes[p].position != w.old}
            if moved_on:
                raise FencedError(frozenset(moved_on))
        # `_MOVE`: by compare-and-set; a lane without a row begins from (0, 0).
        folded = {lane: write for lane, write in writes.lanes.items() if write.folded}
        ahead = {p for p, w in folded.items() if store.positions.get(p, (0, 0)) != w.old}
        if ahead:
            raise FencedError(frozenset(ahead))
        for kind, rows in writes.rows.items():
            for row in rows:
                key = kind, row[0], row[1]
                if any(record in row[4] for record in store.refuses.get(key, ())):
                    raise errors.CheckViolation("violates check constraint")
                # `replace_newer`: no row that is there is replaced but by its next revision.
                known = store.subjects.get(key)
                if known is not None and known.revision != row[2] - 1:
                    raise StaleStateError(f"a {kind} state changed since it was read")

    def _write(self) -> None:
        store, writes = self._store, self._writes
        found = [] if writes.from_log else self._conflicts()
        for lane, write in writes.lanes.items():
            self._move(lane, write)
        store.conflicts.update(found)
        # `Committer.commit`: what the contract refuses was parked when it was archived.
        self._park([e for e in writes.parked if not writes.from_log or e.reason in OUR_REASONS])
        for kind, rows in writes.rows.items():
            for row in rows:
                store.subjects[kind, row[0], row[1]] = Kept(*row[2:7])
        for name, sums in writes.differences.sums.items():
            table = store.tallies[name]
            for key, numbers in sums.items():
                old = table.get(key)
                table[key] = numbers if old is None else [*map(int.__add__, old, numbers)]

    def _move(self, lane: int, write: LaneWrite) -> None:
        store, from_log = self._store, self._writes.from_log
        batch = lane, write.old, from_log
        assert batch not in store.committed, f"O4: two batches of lane {lane} from {write.old}"
        store.committed.add(batch)
        if write.folded:
            store.positions[lane] = write.new
        if from_log:
            return
        row = store.lanes[lane]
        row.position = write.new
        row.entries_read += write.entries
        if write.archived and lane != INBOX_LANE:
            log = store.log[lane]
            assert not log or log[-1][:2] < write.archived[0][:2], f"O2: lane {lane} archived twice"
            log += write.archived

    def _conflicts(self) -> list[tuple[int, Position]]:
        """`conflicts`: duplicates whose content is not that of their first."""
        found = []
        for suspect in self._writes.suspects:
            lane = suspect.lane
            archived = (*self._store.log[lane], *self._writes.lanes[lane].archived)
            firsts = {e[:2]: (e[2], e[3]) for e in archived if e[:2] == suspect.first}
            assert firsts, f"the journal names {suspect.first}, which the log lacks"
            if _differs(suspect, firsts):
                found.append((lane, (suspect.ms, suspect.seq)))
        return found

    def _park(self, parked: Iterable[Parked]) -> None:
        self._store.parked += [ParkedAt(e.lane, (e.ms, e.seq), str(e.reason)) for e in parked]
