"""Publishes at a steady rate, whatever the product does meanwhile."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tests.bench.raw_redis import RawRedis

_PATIENCE_S = 60.0


class Pacer(Thread):
    """A thread that sends frames of packed commands on schedule.

    What is late is sent at once: the schedule is absolute, so the mean rate holds.
    """

    def __init__(
        self, redis_url: str, frames: Iterable[tuple[bytes, int]], events_per_s: float
    ) -> None:
        """`frames` as of `Load.read_frames`; nothing is sent before `start`."""
        super().__init__(name="pacer", daemon=True)
        self._redis_url = redis_url
        self._frames = frames
        self._events_per_s = events_per_s
        self._stopping = Event()
        self.sent = 0
        #: How late a frame was at most: a large figure says that this machine had no time for us.
        self.late_most_s = 0.0
        self.failed: Exception | None = None

    def run(self) -> None:
        """Send all frames, or until asked to stop."""
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 -- handed to whoever waits for the end
            self.failed = error

    def stop(self) -> None:
        """Send no more frames."""
        self._stopping.set()

    def finish(self) -> None:
        """Wait for the end; raise what went wrong."""
        self.join()
        if self.failed is not None:
            raise self.failed

    def _send(self) -> None:
        with RawRedis(self._redis_url) as redis:
            started_s = time.monotonic()
            for commands, count in self._frames:
                wait_s = started_s + self.sent / self._events_per_s - time.monotonic()
                if wait_s > 0:
                    self._stopping.wait(wait_s)
                else:
                    self.late_most_s = max(self.late_most_s, -wait_s)
                if self._stopping.is_set():
                    return
                redis.ask(commands, count)
                self.sent += count


@contextmanager
def paced(
    redis_url: str, frames: Iterable[tuple[bytes, int]], events_per_s: float
) -> Iterator[Pacer]:
    """Publish beside the block; what is not sent when it ends stays unsent."""
    pacer = Pacer(redis_url, frames, events_per_s)
    pacer.start()
    try:
        yield pacer
    finally:
        pacer.stop()
        pacer.join(_PATIENCE_S)
    if pacer.failed is not None:
        raise pacer.failed
