"""The loop of a projector: read what the lanes hold, fold it, hand batches to the committer.

Batches adapt: what is there is committed at once when the streams are quiet; under load a batch
grows while the one before it commits. Any failed commit drops everything that is not in the
database, the cache too, and the lanes are read again from their committed cursors.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Event

import psycopg
import redis
import structlog

from services.projector.bisection import Bisection
from services.projector.commit_thread import CommitThread
from services.projector.health import Health, Metrics
from services.projector.lease_keeper import LeaseKeeper
from services.projector.stream_watch import StreamWatch
from shared.clock import monotonic_s
from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.delivery.connection import redis_client
from shared.delivery.in_range_reader import InRangeReader
from shared.errors import CallfoldError, FencedError, StaleStateError
from shared.folds.journal import Position
from shared.limits import BATCH_SUBJECTS_MAX
from shared.projections.folding import FoldFailedError, Folding
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.write_set import LaneWrite, WriteSet
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.lanes import Cursor, Lanes
from shared.storage.log import Log
from shared.storage.subjects import SubjectReader

_log = structlog.get_logger()

#: How long a read waits for entries when nothing else is to be done.
_IDLE_BLOCK_MS = 100
#: How long the engine looks at the commit under way before it reads on.
_COMMIT_GLANCE_S = 0.002
#: How long an engine without lanes waits before it looks for some again.
_NO_LANES_S = 0.02
#: How often an idle lane vouches that it is empty.
_VOUCH_S = 0.25
#: Who is further behind than this catches up: larger batches, which nobody waits for.
_BEHIND_MS = 2_000
_CATCH_UP_AGE_FACTOR = 8
_PAUSE_FIRST_S = 0.1
_PAUSE_MOST_S = 2.0


class _RolledBackError(CallfoldError):
    """A batch that follows the log was not committed."""


class Engine:
    """Folds the lanes that the lease keeper holds; runs in one thread."""

    def __init__(
        self,
        settings: Settings,
        keeper: LeaseKeeper,
        committer: CommitThread,
        partitions: int,
        generation: int,
        health: Health,
        metrics: Metrics,
    ) -> None:
        """Connects when it runs."""
        self._settings = settings
        self._keeper = keeper
        self._committer = committer
        self._generation = generation
        self._health = health
        self._metrics = metrics
        client = redis_client(settings.require_redis_url())
        self._reader = InRangeReader(client)
        self._watch = StreamWatch(client, metrics, health)
        self._database: psycopg.Connection | None = None
        self._subjects: SubjectReader | None = None
        self._cache = StateCache(settings.cache_bytes)
        self._folding = Folding(partitions, self._cache, self._load)
        self._bisection = Bisection(settings.batch_events_max)
        self._epochs: dict[int, int] = {}
        self._read: dict[int, Position] = {}
        #: Lane → archived position.
        self._committed: dict[int, Position] = {}
        #: Lanes whose breaker is open.
        self._archive_only: set[int] = set()
        self._under_way: dict[int, Position] = {}
        self._stopping = Event()
        self._batch_began_s = 0.0
        self._vouched_s = 0.0
        #: Age of what was read lately, by Redis' clock.
        self._behind_ms = 0
        self._pause_s = _PAUSE_FIRST_S

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
            failed()
        self._reader.close()
        if self._database is not None:
            self._database.close()

    def reading(self) -> dict[int, Position]:
        """Lane → how far it was read, committed or not; for other threads."""
        return dict(self._read)

    def _guarded(self, turn: Callable[[], None], stopping: Event) -> None:
        """One turn; a server that is away is waited for, and nothing in memory is trusted then."""
        self._health.engine_beat_s = monotonic_s()
        try:
            turn()
        except redis.RedisError as error:
            self._wait("redis", error, stopping)
        except FoldFailedError as error:
            _log.error("fold failed", lane=error.lane, error=str(error), exc_info=error)
            self._bisection.condemn_fold(error)
            if self._bisection.breaker_due():
                # The inbox folds nothing; a lane that follows the log has no epoch here yet.
                lanes = {*self._epochs, error.lane} - {INBOX_LANE}
                self._keeper.open_breaker(lanes, str(error))
                _log.critical("breaker open: archiving without folding", lanes=sorted(lanes))
            self._begin_again()
        except _RolledBackError:
            pass  # told, and all is begun again
        except psycopg.Error as error:
            self._begin_again()
            self._wait("database", error, stopping)
        else:
            self._pause_s = _PAUSE_FIRST_S

    def _wait(self, part: str, error: Exception, stopping: Event) -> None:
        words = str(error).strip().split("\n")[0]
        self._health.trouble[part] = words
        _log.warning(f"{part} away, waiting", error=words, pause_s=self._pause_s)
        stopping.wait(self._pause_s)
        self._pause_s = min(self._pause_s * 2, _PAUSE_MOST_S)

    def _turn(self) -> None:
        self._look_at_commit(0)
        self._follow_leases()
        if not self._read:
            for part in ("redis", "database"):  # who holds no lane needs neither
                self._health.trouble.pop(part, None)
            self._stopping.wait(_NO_LANES_S)
            return
        more = False
        if self._full():
            self._look_at_commit(0.05)
        else:
            if self._committer.busy and self._folding.events:
                self._look_at_commit(_COMMIT_GLANCE_S)
            more = bool(self._read) and self._read_lanes()  # a failed commit drops all lanes
        if self._folding.events and not self._committer.busy and self._ready(more=more):
            self._submit()

    def _full(self) -> bool:
        return (
            self._folding.events >= self._bisection.events_max
            or self._folding.subjects >= BATCH_SUBJECTS_MAX
            or self._folding.bytes_held >= self._settings.batch_bytes_max
        )

    def _ready(self, *, more: bool) -> bool:
        """Whether the batch should go: full, old, or nothing more waits to join it."""
        age_ms = (monotonic_s() - self._batch_began_s) * 1000
        age_max_ms = self._settings.batch_age_ms
        if self._behind_ms > _BEHIND_MS:
            age_max_ms *= _CATCH_UP_AGE_FACTOR
        return not more or self._full() or age_ms >= age_max_ms

    def _read_lanes(self) -> bool:
        busy = bool(self._folding.events)
        now_s = monotonic_s()
        server_ms = None
        if now_s - self._vouched_s >= _VOUCH_S:
            self._vouched_s, server_ms = now_s, self._reader.server_ms()
        found, more = self._reader.read(self._read, None if busy else _IDLE_BLOCK_MS)
        self._health.read_s = monotonic_s()
        self._health.trouble.pop("redis", None)
        if server_ms is not None:
            first_ms = min((entries[0].ms for entries in found.values()), default=server_ms)
            self._behind_ms = server_ms - first_ms
            self._vouch(server_ms, found)
        return self._take(found) or more

    def _take(self, found: dict[int, list[Entry]]) -> bool:
        """Fold what was read; returns whether some did not fit and must be read again."""
        if found and not self._folding.events:
            self._batch_began_s = monotonic_s()
        taken: dict[int, tuple[Position, list[Entry]]] = {}
        room = self._bisection.events_max - self._folding.events
        left_over = False
        for lane, entries in found.items():
            fitting, left_over = entries[:room], left_over or len(entries) > room
            room -= len(fitting)
            if not fitting:
                continue
            old = self._read[lane]
            self._read[lane] = (fitting[-1].ms, fitting[-1].seq)
            if lane in self._archive_only:
                self._folding.archive(lane, old, fitting)
            else:
                self._bisection.judge(lane, (fitting[0].ms, fitting[0].seq))
                taken[lane] = (old, fitting)
        self._folding.take_lanes(taken, self._bisection.condemned)
        return left_over

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
            self._bisection.spared(lane)
        self._metrics.cache_bytes.set(self._cache.bytes_held)
        self._metrics.lanes.set(len(self._read))
        for lane, position in self._committed.items():
            lag_ms = 0 if lane in idle or not position[0] else max(0, server_ms - position[0])
            self._metrics.lag_ms.labels(str(lane)).set(lag_ms)

    def _submit(self) -> None:
        writes = self._folding.harvest()
        self._under_way = {lane: write.new for lane, write in writes.lanes.items()}
        self._bisection.submitted(writes)
        self._health.uncommitted_since_s = monotonic_s()
        self._committer.submit(writes, {lane: self._epochs[lane] for lane in writes.lanes})

    def _look_at_commit(self, wait_s: float) -> None:
        if not self._committer.busy:
            return
        done, error = self._committer.outcome(wait_s)
        if not done:
            return
        self._health.uncommitted_since_s = None
        if error is not None:
            self._failed(error)
            return
        self._committed.update(self._under_way)
        self._keeper.survived(set(self._under_way))
        self._under_way = {}
        self._bisection.succeeded()
        self._cache.shrink()
        self._health.trouble.pop("database", None)

    def _failed(self, error: Exception) -> None:
        self._begin_again()
        if isinstance(error, FencedError):
            self._keeper.doubt(error.lanes)  # at another epoch they may be ours still
        if isinstance(error, FencedError | StaleStateError):
            _log.warning("batch rolled back", error=str(error))
        elif self._bisection.refused(error):
            _log.warning("batch refused by the database, bisecting", error=str(error).strip())
        else:
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
        if self._database is not None and self._database.closed:
            self._database = None

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
            gone = set()
        if gone:
            self._hand_over(gone)
        fresh = held.keys() - self._epochs.keys()
        if unwanted - self._epochs.keys():
            self._keeper.let_go(unwanted - self._epochs.keys())
        if fresh:
            self._take_up({lane: held[lane] for lane in fresh})

    def _hand_over(self, lanes: set[int]) -> None:
        """Give lanes to others cleanly: commit what is folded of them first."""
        while self._folding.events or self._committer.busy:
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
            self._metrics.lag_ms.remove(str(lane))
        self._keeper.let_go(lanes)

    def _take_up(self, lanes: dict[int, int]) -> None:
        connection = self._connection()
        self._watch.look(connection, lanes)  # before anything is read past what is missing
        found = Lanes(connection, "", 0).cursors(list(lanes), self._generation)
        for lane, cursor in found.items():
            self._cache.drop(lane)
            self._bisection.taken_up(lane, cursor.unclean_deaths)
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
        for entries in Log(self._connection(), 0).entries(lane, folded):
            begin = 0
            while some := entries[begin : begin + self._bisection.events_max]:
                begin += len(some)
                self._bisection.judge(lane, some[0][:2])
                self._folding.follow(lane, folded, some, self._bisection.condemned)
                folded = some[-1][:2]
                self._commit_now(self._folding.harvest(), {lane: epoch})
        if folded < cursor.position:
            # The last entries belong to other lanes, whose logs hold them.
            moved = LaneWrite(old=folded, new=cursor.position)
            self._commit_now(WriteSet(lanes={lane: moved}, from_log=True), {lane: epoch})

    def _commit_now(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        self._bisection.submitted(writes)
        self._committer.submit(writes, epochs)
        while self._committer.busy:
            self._health.engine_beat_s = monotonic_s()
            _, error = self._committer.outcome(1.0)
            if error is not None:
                self._failed(error)
                raise _RolledBackError
        self._keeper.survived(set(epochs))
        self._bisection.succeeded()

    def _load(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        self._connection()
        assert self._subjects is not None
        return self._subjects.load(keys)

    def _connection(self) -> psycopg.Connection:
        if self._database is None or self._database.closed:
            self._database = connect(self._settings.require_database_url(), "engine")
            self._subjects = SubjectReader(self._database, self._generation)
        return self._database

    def _finish_commit(self) -> None:
        while self._committer.busy:
            self._committer.outcome(1.0)
        self._health.uncommitted_since_s = None

    def _finish(self) -> None:
        """Commit what is folded, so that a clean end loses no work."""
        self._look_at_commit(10)
        if self._folding.events and not self._committer.busy:
            self._submit()
            self._look_at_commit(10)
