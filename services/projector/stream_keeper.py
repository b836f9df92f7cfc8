"""Looks after streams and log behind the engine: watches for loss, trims, advertises, merges.

A thread of its own that nothing waits for.
"""

from collections.abc import Callable, Mapping
from threading import Event, Thread

import psycopg
import redis
import structlog

from services.projector.health import Health, Metrics
from services.projector.stream_watch import StreamWatch
from shared.clock import monotonic_s
from shared.contracts.incident_kinds import IncidentKind
from shared.contracts.stream_names import INBOX_LANE, PARTITIONS_KEY
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import (
    advertise,
    announce_partitions,
    memory_share,
    move_strays,
    trim,
)
from shared.delivery.stream_watch import Finding
from shared.errors import SegmentError
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX
from shared.settings import Settings
from shared.storage.connection import ANSWER_S, connect
from shared.storage.incidents import LaneCount, open_incidents
from shared.storage.lanes import archived_through_ms
from shared.storage.merging import SegmentMerger
from shared.storage.parking import sources_over_quota
from shared.storage.sequences import look_for_gaps

_log = structlog.get_logger()
_EVERY_S = 5.0
#: How often it is looked for streams beyond N: publishers ask for N once a minute.
_STRAYS_S = 30.0
#: While memory is short, what is kept shrinks by this factor, until it is little enough to go.
_KEEP_STEP = 0.75
_KEEP_LEAST_MS = 10_000


class StreamKeeper:
    """Looks after the streams of the lanes that this projector has committed."""

    def __init__(
        self,
        settings: Settings,
        projector: str,
        partitions: int,
        metrics: Metrics,
        health: Health,
        reading: Callable[[], Mapping[int, Position]],
        held: Callable[[], Mapping[int, int]],
    ) -> None:
        """`reading` says how far the engine has read, `held` at which epochs lanes are ours."""
        self._projector = projector
        self._held = held
        self._redis = redis_client(settings.require_redis_url())
        self._database_url = settings.require_database_url()
        self._partitions = partitions
        self._keep_ms = settings.stream_keep_ms
        self._memory_share = settings.stream_keep_memory_share
        self._metrics = metrics
        self._reading = reading
        self._watch = StreamWatch(self._redis, metrics, health)
        #: Numbers of sources' own counters that did not arrive, at the last look.
        self._missing = 0
        self._strays_s = -_STRAYS_S
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="stream-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            try:
                with connect(self._database_url, "streams", ANSWER_S) as connection:
                    merger = SegmentMerger(connection, self._projector)
                    while not self._stopping.wait(_EVERY_S):
                        self._keep(connection)
                        self._merge(merger)
            except (redis.RedisError, psycopg.Error, SegmentError) as error:
                _log.warning("streams not kept", error=str(error).strip().split("\n")[0])

    def _merge(self, merger: SegmentMerger) -> None:
        for lane, epoch in self._held().items():
            if lane != INBOX_LANE and not self._stopping.is_set():
                merger.merge(lane, epoch)

    def _keep(self, connection: psycopg.Connection) -> None:
        seconds, _ = self._redis.time()
        now_ms = int(seconds) * 1000
        held = self._held()
        lanes = {lane: held[lane] for lane in self._reading() if lane in held}
        self._watch.forget(lanes)
        counts = self._watch.look(connection, lanes, self._reading)
        older = self._watch.older  # there, what lies before the cursor was perhaps never read
        archived = {lane: at.position for lane, at in counts.items() if lane not in older}
        if INBOX_LANE in archived:
            # What was moved from the inbox must be archived where it went.
            archived[INBOX_LANE] = min(archived[INBOX_LANE], (archived_through_ms(connection), 0))
        self._trim(archived, _keep_from_ms(now_ms, self._keep_ms))
        self._make_room(archived, now_ms)
        self._metrics.parked_sources_over.set(sources_over_quota(connection))
        self._look_for_gaps(connection)
        self._tell_open(connection)
        try:  # last: trimming must have made room, where memory is used up
            for lane, at in counts.items():
                advertise(self._redis, lane, at.position, at.counted)
            if INBOX_LANE in counts:
                self._look_after_partitions(connection, lanes[INBOX_LANE], counts[INBOX_LANE])
        except redis.OutOfMemoryError:
            _log.warning("redis memory used up", share=memory_share(self._redis))

    def _look_for_gaps(self, connection: psycopg.Connection) -> None:
        missing = look_for_gaps(connection)
        if missing > self._missing:
            _log.critical("incident", kind=str(IncidentKind.SEQUENCE_GAP), numbers_missing=missing)
        elif missing < self._missing:
            _log.warning("numbers of sources have arrived", numbers_missing=missing)
        self._missing = missing
        self._metrics.sequences_missing.set(missing)

    def _tell_open(self, connection: psycopg.Connection) -> None:
        counts = open_incidents(connection)
        for kind in IncidentKind:
            self._metrics.incidents_open.labels(kind).set(counts.get(kind, 0))

    def _look_after_partitions(
        self, connection: psycopg.Connection, epoch: int, at: LaneCount
    ) -> None:
        """The number of partitions stands where publishers read it, and nobody uses another."""
        said = announce_partitions(self._redis, self._partitions)
        if said is not None:
            detail = {"what": f"{PARTITIONS_KEY} held {said}, and not {self._partitions}"}
            found = Finding(IncidentKind.PARTITIONS_CHANGED, 0, 0, detail)
            self._watch.declare(connection, INBOX_LANE, epoch, at, found)
        if monotonic_s() - self._strays_s >= _STRAYS_S:
            moved = move_strays(self._redis, self._partitions)
            self._strays_s = monotonic_s()
            if moved:
                _log.warning("moved to the inbox what nobody reads", entries=moved)

    def _trim(self, archived: Mapping[int, Position], keep_from_ms: int) -> int:
        return sum(
            trim(self._redis, lane, position, keep_from_ms) for lane, position in archived.items()
        )

    def _make_room(self, archived: Mapping[int, Position], now_ms: int) -> None:
        """Drop archived entries before their time while Redis' memory is short, oldest first."""
        share = memory_share(self._redis)
        if share <= self._memory_share:
            return
        keep_ms, trimmed = self._keep_ms, 0
        while keep_ms and memory_share(self._redis) > self._memory_share:
            keep_ms = int(keep_ms * _KEEP_STEP) if keep_ms > _KEEP_LEAST_MS else 0
            trimmed += self._trim(archived, _keep_from_ms(now_ms, keep_ms))
        if trimmed:
            self._metrics.trimmed_early.inc(trimmed)
            _log.warning("redis memory short", share=share, trimmed_early=trimmed, kept_ms=keep_ms)


def _keep_from_ms(now_ms: int, keep_ms: int) -> int:
    """What is older may go; who keeps nothing asks no clock.

    After Redis' clock leapt back, ids stay ahead of it: by the clock none would be old for as long.
    """
    return now_ms - keep_ms if keep_ms else ENTRY_MS_MAX
