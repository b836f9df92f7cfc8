"""The loop of a projector: read what the lanes hold, fold it, hand batches to the committer.

Batches adapt: what is there is committed at once when the streams are quiet; under load a batch
grows while the one before it commits. Any failed commit drops everything that is not in the
database, the cache too, and the lanes are read again from their committed cursors.
"""

from collections.abc import Callable, Collection
from threading import Event

import psycopg
import redis
import structlog

from services.projector.batch_bounds import BatchBounds
from services.projector.batch_fates import BatchFates
from services.projector.bisection import Bisection
from services.projector.commit_thread import CommitThread
from services.projector.health import Health, Metrics
from services.projector.lease_keeper import LeaseKeeper
from services.projector.pacing import NowAndThen, Pauses
from services.projector.ports import Outside
from services.projector.suspects import Suspects
from services.projector.watchdog import CAREFUL_PATIENCE_S, FOLD_PATIENCE_S, WatchedFolding
from shared.contracts.entries import Entry
from shared.errors import CallfoldError
from shared.folds.journal import Position
from shared.projections.folding import FoldFailedError
from shared.projections.state_cache import StateCache
from shared.projections.write_set import LaneWrite, WriteSet
from shared.settings import Settings
from shared.storage.lanes import Cursor

_log = structlog.get_logger()

#: How long a read waits for entries when nothing else is to be done.
_IDLE_BLOCK_MS = 100
#: How long the engine looks at the commit under way before it reads on.
_COMMIT_GLANCE_S = 0.002
#: How long an engine without lanes waits before it looks for some again.
_NO_LANES_S = 0.02
#: How often an idle lane vouches that it is empty.
_VOUCH_S = 0.25
#: The same while lanes are suspected: longer takes only who waits for the database.
_CAREFUL_GLANCE_S = 0.2


class _RolledBackError(CallfoldError):
    """A batch that follows the log was not committed."""


class Engine:
    """Folds the lanes that the lease keeper holds; runs in one thread."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        outside: Outside,
        keeper: LeaseKeeper,
        committer: CommitThread,
        health: Health,
        metrics: Metrics,
    ) -> None:
        """Nothing is asked of the outside before it runs."""
        self._streams = outside.streams
        self._store = outside.store
        self._monotonic_s = outside.runtime.monotonic_s
        self._keeper = keeper
        self._committer = committer
        self._health = health
        self._metrics = metrics
        self._cache = StateCache(settings.cache_bytes)
        self._folding = WatchedFolding(
            partitions, self._cache, self._store.load, outside.runtime.end_later, health
        )
        self._bisection = Bisection(settings.batch_events_max, self._monotonic_s)
        self._bounds = BatchBounds(settings, self._folding, self._bisection)
        self._suspects = Suspects(settings.batch_events_max, self._store.say_at_hand)
        self._fates = BatchFates(self._bisection, self._suspects, keeper, health, self._monotonic_s)
        self._epochs: dict[int, int] = {}
        self._read: dict[int, Position] = {}
        #: Lane → archived position.
        self._committed: dict[int, Position] = {}
        #: Lanes whose breaker is open.
        self._archive_only: set[int] = set()
        self._under_way: dict[int, Position] = {}
        self._stopping = outside.runtime.event()
        self._looks = NowAndThen(_VOUCH_S)
        self._pauses = Pauses()

    def run(self, stopping: Event, failed: Callable[[], None]) -> None:
        """Fold until told to stop, then commit what is folded; calls `failed` where it cannot."""
        self._stopping = stopping
        try:
            while not stopping.is_set():
                self._guarded(self._turn, stopping)
            self._guarded(self._finish, stopping)
        except Exception as error:  # noqa: BLE001 -- logged, and it ends the process
            # Nothing that we know to be harmless: a new process is safer than this one.
            _log.critical("engine failed", exc_info=error)
            self._health.failed = repr(error)
            self._keeper.abandon()
            failed()
        self._disconnect()

    def reading(self) -> dict[int, Position]:
        """Lane → how far it was read, committed or not; for other threads."""
        return dict(self._read)

    def _guarded(self, turn: Callable[[], None], stopping: Event) -> None:
        """One turn; a server that is away is waited for, and nothing in memory is trusted then."""
        self._health.engine_beat_s = self._monotonic_s()
        try:
            turn()
        except redis.RedisError as error:
            self._keeper.cannot_read()
            self._disconnect()
            self._guarded(self._settle, stopping)
            self._wait("redis", error, stopping)
        except FoldFailedError as error:
            self._fates.fold_failed(error, self._epochs)
            self._begin_again()
        except _RolledBackError:
            pass  # told, and all is begun again
        except psycopg.Error as error:
            self._disconnect()
            self._begin_again()
            self._wait("database", error, stopping)
        else:
            if turn == self._turn:  # what was settled meanwhile cured nothing
                self._pauses.end()

    def _disconnect(self) -> None:
        """Trust no connection: what cut one may have silenced the others, each for its bound."""
        self._streams.close()
        self._store.close()

    def _wait(self, part: str, error: Exception, stopping: Event) -> None:
        self._health.trouble[part] = words = str(error).strip().split("\n")[0]
        pause_s = self._pauses.next_s()
        _log.warning(f"{part} away, waiting", error=words, pause_s=pause_s)
        stopping.wait(pause_s)

    def _turn(self) -> None:
        self._look_at_commit(0)
        self._follow_leases()
        if not self._read:
            if self._keeper.stands_aside:
                self._streams.server_ms()
                self._keeper.can_read()
            for part in ("redis", "database"):  # who holds no lane needs neither
                self._health.trouble.pop(part, None)
            self._stopping.wait(_NO_LANES_S)
            return
        if self._suspects.absolve(self._keeper.deaths()) or self._bisection.searching:
            self._careful_turn()
            return
        more = False
        if self._bounds.full():
            self._look_at_commit(0.05)
            if self._looks.due(self._monotonic_s()):  # nothing is read, and the lag grows
                quiet = [lane for lane, at in self._read.items() if self._committed[lane] == at]
                self._metrics.show_lag(self._streams.server_ms(), self._committed, quiet)
        else:
            if self._committer.busy and self._folding.events:
                self._look_at_commit(_COMMIT_GLANCE_S)
            more = bool(self._read) and self._read_lanes()  # a failed commit drops all lanes
        ready = self._bounds.ready(self._monotonic_s(), more=more)
        if ready and self._folding.events and not self._committer.busy:
            self._submit()

    def _careful_turn(self) -> None:
        """One batch at a time: none is folded beside the commit of another."""
        if self._committer.busy:
            self._look_at_commit(_CAREFUL_GLANCE_S)
            if self._committer.busy:  # what kills, kills at once; this waits for the database
                self._suspects.say_at_hand(())
        elif self._folding.events:
            self._submit()
        else:
            self._read_lanes()

    def _read_lanes(self) -> bool:
        busy = bool(self._folding.events)
        due = self._looks.due(self._monotonic_s())
        server_ms = self._streams.server_ms() if due else None
        found, more = self._streams.read(self._read, None if busy else _IDLE_BLOCK_MS)
        self._health.read_s = self._monotonic_s()
        self._keeper.can_read()
        if self._health.trouble.pop("redis", None) is not None:
            self._finish()  # perhaps another server answers, which may lack what was read
            self._begin_again()  # or hold entries before the cursor: looked at before it is read
            return False
        if server_ms is not None:
            first_ms = min((entries[0].ms for entries in found.values()), default=server_ms)
            self._bounds.behind_ms = server_ms - first_ms
            self._vouch(server_ms, found)
        return self._take(found) or more

    def _take(self, found: dict[int, list[Entry]]) -> bool:
        """Fold what was read; returns whether some did not fit and must be read again."""
        if found and not self._folding.events:
            self._bounds.began_s = self._monotonic_s()
        taken: dict[int, tuple[Position, list[Entry]]] = {}
        room = self._bisection.events_max - self._folding.events
        left_over = False
        found = self._suspects.choose(self._bisection.choose(found))
        self._about_to_fold(found)
        for lane, entries in found.items():
            fitting, left_over = entries[:room], left_over or len(entries) > room
            room -= len(fitting)
            if not fitting:
                continue
            old = self._read[lane]
            self._read[lane] = (fitting[-1].ms, fitting[-1].seq)
            if self._suspects.condemns(lane):
                self._bisection.condemn_deadly(lane, (fitting[0].ms, fitting[0].seq))
            if lane in self._archive_only:
                self._folding.archive(lane, old, fitting, self._bisection.condemned)
            else:
                taken[lane] = (old, fitting)
        self._folding.take_lanes(taken, self._bisection.condemned)
        return left_over

    def _about_to_fold(self, lanes: Collection[int]) -> None:
        self._suspects.say_at_hand(lanes)
        self._folding.patience_s = CAREFUL_PATIENCE_S if self._suspects else FOLD_PATIENCE_S

    def _vouch(self, server_ms: int, found: dict[int, list[Entry]]) -> None:
        """Lanes that were empty when Redis said its time, and have nothing under way, say so."""
        idle = [
            lane
            for lane, position in self._read.items()
            if lane not in found
            and lane not in self._health.waiting
            and self._committed[lane] == position
        ]
        if not found and not self._folding.events and not self._committer.busy:
            self._health.trouble.pop("database", None)  # lanes were taken up, and nothing waits
        self._keeper.vouch(dict.fromkeys(idle, server_ms - 1))
        self._keeper.survived(set(idle))
        for lane in idle:
            self._suspects.clear(lane)
        self._metrics.cache_bytes.set(self._cache.bytes_held)
        self._metrics.show_lag(server_ms, self._committed, idle)

    def _submit(self) -> None:
        writes = self._folding.harvest()
        self._under_way = {lane: write.new for lane, write in writes.lanes.items()}
        self._fates.submitted(writes)
        self._committer.submit(writes, {lane: self._epochs[lane] for lane in writes.lanes})

    def _look_at_commit(self, wait_s: float) -> None:
        if not self._committer.busy:
            return
        done, error = self._committer.outcome(wait_s)
        if not done:
            return
        if error is None:
            self._passed()
        else:
            self._failed(error)

    def _passed(self) -> None:
        self._committed.update(self._under_way)
        self._under_way = {}
        self._fates.passed()
        self._cache.shrink()

    def _failed(self, error: Exception) -> None:
        self._begin_again()
        if not self._fates.explained(error):
            raise error

    def _begin_again(self) -> None:
        """Trust only the database: every lane is taken up anew at its committed cursor."""
        self._finish_commit()
        self._folding.discard()
        self._cache.clear()
        self._epochs.clear()
        self._read.clear()
        self._archive_only.clear()
        self._committed.clear()
        self._metrics.lag_ms.clear()
        self._under_way = {}
        self._suspects.begin_again()

    def _follow_leases(self) -> None:
        held = self._keeper.held()
        if self._archive_only != self._keeper.archive_only() & self._epochs.keys():
            self._begin_again()  # a breaker was opened, or closed: then the log is folded first
        gone = self._epochs.keys() - {
            lane for lane, e in held.items() if e == self._epochs.get(lane)
        }
        unwanted = self._keeper.unwanted()
        if gone - unwanted:
            _log.warning("lanes lost", lanes=sorted(gone - unwanted))
            self._begin_again()
        elif gone:
            self._hand_over(gone)
        fresh = held.keys() - self._epochs.keys()
        if unwanted - self._epochs.keys():
            self._keeper.let_go(unwanted - self._epochs.keys())
        if fresh:
            self._take_up({lane: held[lane] for lane in fresh})

    def _hand_over(self, lanes: set[int]) -> None:
        """Give lanes to others cleanly: commit what is folded of them first."""
        while self._folding.events or self._committer.busy:
            self._health.engine_beat_s = self._monotonic_s()
            self._look_at_commit(0.05)
            if self._folding.events and not self._committer.busy:
                self._submit()
            if not self._epochs:
                return  # the commit failed; all is begun again
        for lane in lanes:
            self._cache.drop(lane)
            for known in (self._epochs, self._read, self._committed):
                known.pop(lane, None)
            self._archive_only.discard(lane)
            self._suspects.forget(lane)
            self._metrics.lag_ms.remove(str(lane))
        self._keeper.let_go(lanes)

    def _take_up(self, lanes: dict[int, int]) -> None:
        heads = self._store.look(lanes)  # before anything is read past what is missing
        found = self._store.cursors(lanes)
        for lane, cursor in found.items():
            self._cache.drop(lane)
            self._suspects.taken_up(lane, lanes[lane], cursor.unclean_deaths, heads.get(lane))
            if lane in self._keeper.archive_only():
                self._archive_only.add(lane)
            elif cursor.folded < cursor.position:
                self._fold_from_log(lane, lanes[lane], cursor)
            self._epochs[lane] = lanes[lane]
            self._read[lane] = cursor.position
            self._committed[lane] = cursor.position

    def _fold_from_log(self, lane: int, epoch: int, cursor: Cursor) -> None:
        """Follow the log up to the cursor: entries were archived while the breaker was open.

        Raises:
            _RolledBackError, psycopg.Error: the lane is taken up anew, from there on.
        """
        self._hand_over(set())
        folded = cursor.folded
        for entries in self._store.entries(lane, folded):
            begin = 0
            while some := entries[begin : begin + self._batch_max(lane)]:
                begin += len(some)
                if self._suspects.condemns(lane):
                    self._bisection.condemn_deadly(lane, some[0][:2])
                self._about_to_fold([lane])
                self._folding.follow(lane, folded, some, self._bisection.condemned)
                folded = some[-1][:2]
                self._commit_now(self._folding.harvest(), {lane: epoch})
        if folded < cursor.position:
            # The last entries belong to other lanes, whose logs hold them.
            moved = LaneWrite(old=folded, new=cursor.position)
            self._commit_now(WriteSet(lanes={lane: moved}, from_log=True), {lane: epoch})

    def _batch_max(self, lane: int) -> int:
        return min(self._bisection.events_max, self._suspects.batch_max(lane))

    def _commit_now(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        self._fates.submitted(writes)
        self._committer.submit(writes, epochs)
        while self._committer.busy:
            self._health.engine_beat_s = self._monotonic_s()
            done, error = self._committer.outcome(1.0)
            if error is not None:
                self._failed(error)
                raise _RolledBackError
            if not done:
                self._suspects.say_at_hand(())
        self._passed()

    def _finish_commit(self) -> None:
        """Wait for the batch under way; what becomes of it counts, whatever comes next."""
        while self._committer.busy:
            done, error = self._committer.outcome(1.0)
            if done and error is None:
                self._passed()
            elif error is not None:
                self._fates.explained(error)

    def _settle(self) -> None:
        """Commit what is folded while nothing can be read."""
        self._look_at_commit(0)
        if self._folding.events and not self._committer.busy:
            self._submit()

    def _finish(self) -> None:
        """Commit what is folded, so that a clean end loses no work."""
        self._look_at_commit(10)
        if self._folding.events and not self._committer.busy:
            self._submit()
            self._look_at_commit(10)
