"""One shift of a projector: all threads that fold lanes into a generation, while it is live."""

import os
import signal
import socket
from collections.abc import Callable
from secrets import token_hex
from threading import Event, Thread

from services.projector.commit_thread import CommitThread
from services.projector.engine import Engine
from services.projector.health import Health, Metrics
from services.projector.lease_keeper import LeaseKeeper
from services.projector.stream_keeper import StreamKeeper
from shared.settings import Settings


class Shift:
    """Takes leases and folds, from start to clean end."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        generation: int,
        health: Health,
        metrics: Metrics,
        switched: Callable[[], None],
    ) -> None:
        """Build all parts; nothing connects yet. `switched`: the generation is live no more."""
        # Unique for ever: a name taken over by another process would share its leases.
        name = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self.generation = generation
        self._keeper = LeaseKeeper(
            settings.require_database_url(), name, partitions + 1, generation, settings.lease_ms,
            health, switched,
        )  # fmt: skip
        self._committer = CommitThread(settings, name, partitions, generation, metrics, health)
        self._engine = Engine(
            settings, self._keeper, self._committer, partitions, generation, health, metrics
        )
        self._streams = StreamKeeper(
            settings, name, partitions, metrics, health,
            reading=self._engine.reading, held=self._keeper.held,
        )  # fmt: skip
        self._stopping = Event()
        self._thread = Thread(
            target=self._engine.run, args=(self._stopping, _end_process), name="engine"
        )

    def start(self) -> None:
        """Take leases and fold."""
        for part in (self._keeper, self._committer, self._streams, self._thread):
            part.start()

    def wake(self) -> None:
        """Look at the leases now: a projector came or went, or another generation is live."""
        self._keeper.wake()

    def held(self) -> dict[int, int]:
        """Lane → epoch of what may be folded now."""
        return self._keeper.held()

    def stop(self) -> None:
        """Commit what is folded, give the leases back."""
        self._stopping.set()
        self._thread.join(timeout=20)
        self._streams.stop()
        self._committer.stop()
        self._keeper.stop()


def _end_process() -> None:
    """Ask the own process to end, the way an operator would."""
    os.kill(os.getpid(), signal.SIGTERM)
