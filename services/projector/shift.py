"""One shift of a projector: all threads that fold lanes into a generation, while it is live."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Event, Thread

from services.projector.batch_writer import BatchWriter
from services.projector.commit_thread import CommitThread
from services.projector.engine import Engine
from services.projector.health import Health, Metrics
from services.projector.lane_store import LaneStore
from services.projector.lease_keeper import LeaseKeeper
from services.projector.ports import Outside, Runtime
from services.projector.stream_keeper import StreamKeeper
from services.projector.stream_watch import StreamWatch
from shared.delivery.connection import redis_client
from shared.delivery.in_range_reader import InRangeReader
from shared.delivery.reply_limit import ReplyLimit
from shared.settings import Settings
from shared.storage.connection import ANSWER_SHORT_S, connect
from shared.storage.lanes import Lanes


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
        database_url = settings.require_database_url()
        redis_url, limit = settings.require_redis_url(), ReplyLimit()
        reader = InRangeReader(redis_client(redis_url, limit), health.waiting, limit)
        runtime = Runtime()

        @contextmanager
        def leases() -> Iterator[Lanes]:
            with connect(database_url, "leases", ANSWER_SHORT_S) as connection:
                yield Lanes(connection, name, settings.lease_ms)

        self._keeper = LeaseKeeper(
            leases, partitions + 1, generation, settings.lease_ms, health, switched, runtime
        )
        self._committer = CommitThread(
            BatchWriter(settings, name, partitions, generation), metrics, runtime
        )
        watch = StreamWatch(redis_client(redis_url), metrics, health)
        store = LaneStore(database_url, generation, watch)
        self._engine = Engine(
            settings, partitions, Outside(reader, store, runtime),
            self._keeper, self._committer, health, metrics,
        )  # fmt: skip
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
