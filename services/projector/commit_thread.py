"""Commits batches beside the engine: while one is written, the next is read and folded.

One batch at a time, in order. After a failure nothing more is accepted until the engine has asked
for the outcome, dropped what builds on the failed batch and begun again.
"""

from collections.abc import Sequence
from queue import Empty, SimpleQueue

import structlog

from services.projector.health import Metrics
from services.projector.ports import Batches, Runtime
from shared.projections.write_set import Forward, WriteSet

_log = structlog.get_logger()


class CommitThread:
    """Takes write sets, gives back outcomes: None for a commit, else the error."""

    def __init__(self, batches: Batches, metrics: Metrics, runtime: Runtime) -> None:
        """`batches` belongs to the thread, from its start on."""
        self._batches = batches
        self._metrics = metrics
        self._monotonic_s = runtime.monotonic_s
        self._work: SimpleQueue[tuple[WriteSet, dict[int, int]] | None] = runtime.queue()
        self._outcomes: SimpleQueue[Exception | None] = runtime.queue()
        self._thread = runtime.thread(self._run, "commit")
        #: Entries that were forwarded and may come again, because no batch with them was committed.
        self._forwarded: set[tuple[int, int, int]] = set()
        self.busy = False

    def start(self) -> None:
        """Begin to take batches."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch under way and end."""
        self._work.put(None)
        self._thread.join(timeout=60)
        self._batches.disconnect()

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
                self._batches.disconnect()
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)

    def _commit(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        started_s = self._monotonic_s()
        self._forward(writes.forwards)
        over_quota = self._batches.commit(writes, epochs)
        passed = {lane: write.new for lane, write in writes.lanes.items()}
        self._forwarded = {
            origin for origin in self._forwarded if origin[1:] > passed.get(origin[0], (-1, -1))
        }
        for organization_id, source, lane in over_quota:
            _log.warning(
                "source over its quota of parked events: further bytes stay in the log alone",
                organization_id=organization_id,
                source=source or "unreadable",
                lane=lane,
            )
        self._measure(writes, self._monotonic_s() - started_s)

    def _forward(self, forwards: Sequence[Forward]) -> None:
        """Forward what was not yet, before our own commit; a crash between the two does it twice.

        Folds drop that. But where commits fail for an hour, streams must not fill with copies.
        """
        fresh = [one for one in forwards if one.origin not in self._forwarded]
        if fresh:
            self._batches.forward(fresh)
            self._forwarded.update(one.origin for one in fresh)
            self._metrics.forwarded.inc(len(fresh))

    def _measure(self, writes: WriteSet, seconds: float) -> None:
        metrics = self._metrics
        metrics.commits.labels("ok").inc()
        metrics.commit_seconds.observe(seconds)
        metrics.batch_entries.observe(writes.events)
        metrics.entries.inc(writes.events)
        metrics.duplicates.inc(writes.duplicates)
        metrics.conflicts.inc(len(writes.suspects))
        for parked in writes.parked:
            metrics.parked.labels(parked.reason).inc()
            _log.warning(
                "event parked",
                lane=parked.lane,
                entry=f"{parked.ms}-{parked.seq}",
                reason=str(parked.reason),
                detail=parked.detail,
            )
