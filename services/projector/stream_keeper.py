"""Looks after streams and log behind the engine: trims, advertises, merges small segments.

A thread of its own that nothing waits for.
"""

from collections.abc import Callable, Mapping
from threading import Event, Thread

import psycopg
import redis
import structlog

from shared.contracts.stream_names import INBOX_LANE
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import advertise, announce_partitions, trim
from shared.errors import SegmentError
from shared.folds.journal import Position
from shared.storage.connection import connect
from shared.storage.lanes import archived_through_ms
from shared.storage.merging import SegmentMerger

_log = structlog.get_logger()
_EVERY_S = 5.0

Committed = Mapping[int, tuple[Position, int]]


class StreamKeeper:
    """Looks after the streams of the lanes that this projector has committed."""

    def __init__(
        self,
        redis_url: str,
        database_url: str,
        projector: str,
        partitions: int,
        keep_ms: int,
        committed: Callable[[], Committed],
        held: Callable[[], Mapping[int, int]],
    ) -> None:
        """Entries stay at least `keep_ms`, for a database that is restored from a backup."""
        self._projector = projector
        self._held = held
        self._redis = redis_client(redis_url)
        self._database_url = database_url
        self._partitions = partitions
        self._keep_ms = keep_ms
        self._committed = committed
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
                with connect(self._database_url, "streams") as connection:
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
        announce_partitions(self._redis, self._partitions)
        seconds, _ = self._redis.time()
        keep_from_ms = int(seconds) * 1000 - self._keep_ms
        for lane, (position, entries_read) in sorted(self._committed().items()):
            advertise(self._redis, lane, position, entries_read)
            behind_ms = keep_from_ms
            if lane == INBOX_LANE:
                behind_ms = min(behind_ms, archived_through_ms(connection))
            trim(self._redis, lane, position, behind_ms)
