"""Commits batches beside the engine: while one is written, the next is read and folded.

One batch at a time, in order. After a failure nothing more is accepted until the engine has asked
for the outcome, dropped what builds on the failed batch and begun again.
"""

from queue import Empty, SimpleQueue
from threading import Thread

import psycopg
import structlog

from services.projector.health import Health, Metrics
from shared.clock import monotonic_s
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import forward
from shared.projections.write_set import WriteSet
from shared.settings import Settings
from shared.storage.commits import Committer
from shared.storage.connection import connect
from shared.storage.parking import ParkQuota

_log = structlog.get_logger()


class CommitThread:
    """Takes write sets, gives back outcomes: None for a commit, else the error."""

    def __init__(
        self,
        settings: Settings,
        projector: str,
        partitions: int,
        generation: int,
        metrics: Metrics,
        health: Health,
    ) -> None:
        """Connects at the first batch, and again after a failure."""
        self._database_url = settings.require_database_url()
        self._redis = redis_client(settings.require_redis_url())
        quota = ParkQuota(settings.parked_events_whole, settings.parked_bytes_whole)
        self._identity = (projector, partitions, generation, quota)
        self._metrics = metrics
        self._health = health
        self._connection: psycopg.Connection | None = None
        self._committer: Committer | None = None
        self._work: SimpleQueue[tuple[WriteSet, dict[int, int]] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Exception | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="commit", daemon=True)
        self.busy = False

    def start(self) -> None:
        """Begin to take batches."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch under way and end."""
        self._work.put(None)
        self._thread.join(timeout=60)
        self._disconnect()

    def submit(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        """Hand over a batch; only when not `busy`."""
        self.busy = True
        self._work.put((writes, epochs))

    def outcome(self, wait_s: float) -> tuple[bool, Exception | None]:
        """Whether the batch under way is done, within `wait_s`, and the error if it failed."""
        try:
            error = self._outcomes.get(timeout=wait_s) if wait_s else self._outcomes.get_nowait()
        except Empty:
            return False, None
        self.busy = False
        return True, error

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._commit(*work)
            except Exception as error:  # noqa: BLE001 -- the engine decides
                self._metrics.commits.labels(type(error).__name__).inc()
                self._disconnect()
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)

    def _commit(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        started_s = monotonic_s()
        if writes.forwards:
            # Before our own commit: a crash between the two forwards twice, and folds drop that.
            forward(self._redis, writes.forwards)
        if self._committer is None:
            self._connection = connect(self._database_url, "commits")
            self._committer = Committer(self._connection, *self._identity)
        self._committer.commit(writes, epochs)
        for organization_id, source, lane in self._committer.newly_over_quota:
            _log.warning(
                "source over its quota of parked events: further bytes stay in the log alone",
                organization_id=organization_id,
                source=source or "unreadable",
                lane=lane,
            )
        self._measure(writes, monotonic_s() - started_s)

    def _measure(self, writes: WriteSet, seconds: float) -> None:
        metrics = self._metrics
        metrics.commits.labels("ok").inc()
        metrics.commit_seconds.observe(seconds)
        metrics.batch_entries.observe(writes.events)
        metrics.entries.inc(writes.events)
        metrics.duplicates.inc(writes.duplicates)
        metrics.conflicts.inc(len(writes.suspects))
        metrics.forwarded.inc(len(writes.forwards))
        for parked in writes.parked:
            metrics.parked.labels(parked.reason).inc()
            _log.warning(
                "event parked",
                lane=parked.lane,
                entry=f"{parked.ms}-{parked.seq}",
                reason=str(parked.reason),
                detail=parked.detail,
            )

    def _disconnect(self) -> None:
        self._committer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
