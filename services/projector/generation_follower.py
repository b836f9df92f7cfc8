"""Follows the log into generations that are kept beside the live one: going to one is instant.

A thread of its own. While the live generation is of this release's fold version, each projector
follows for the lanes that it holds; else no projector of this release holds any, and one of them
follows for all.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Event, Thread

import psycopg
import structlog

from services.projector.health import Metrics
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import CallfoldError, FencedError, StaleStateError
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import ANSWER_S, connect
from shared.storage.following import LogFollower, behind_ms
from shared.storage.generations import Generation, all_generations, follows_alone, live_of

_log = structlog.get_logger()
_EVERY_S = 0.25
_PAUSE_S = 2.0
#: Small batches: the engine folds in the same process.
_BATCH_EVENTS = 2_000
_CACHE_BYTES = 16 * 1024 * 1024


class GenerationFollower:
    """Folds into every complete generation of this release's fold version that is not live."""

    def __init__(
        self,
        database_url: str,
        partitions: int,
        held: Callable[[], Mapping[int, int]],
        metrics: Metrics,
    ) -> None:
        """`held` says which lanes this projector owns."""
        self._database_url = database_url
        self._partitions = partitions
        self._held = held
        self._metrics = metrics
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="generation-follower", daemon=True)
        self._followers: dict[int, tuple[LogFollower, psycopg.Connection]] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._database_url, "following, reads", ANSWER_S) as reading:
                    while not self._stopping.wait(_EVERY_S):
                        self._turn(reading)
            except (psycopg.Error, CallfoldError) as error:
                words = str(error).strip().split("\n")[0]
                _log.warning("generations not followed", error=words)
                self._stopping.wait(_PAUSE_S)
            finally:
                self._forget_but(())

    def _turn(self, reading: psycopg.Connection) -> None:
        generations = all_generations(reading)
        live = live_of(generations)
        followed = [one.number for one in generations if one.is_followed]
        self._forget_but(followed)
        for generation in followed:
            for _events in self._follow(reading, live, generation):
                if self._stopping.is_set():
                    return

    def _follow(
        self, reading: psycopg.Connection, live: Generation, generation: int
    ) -> Iterator[int]:
        lanes: Collection[int] = self._held()
        if live.fold_version != FOLD_VERSION:
            lanes = range(INBOX_LANE, self._partitions) if follows_alone(reading) else ()
        if not lanes:
            return
        try:
            yield from self._follower(reading, generation).follow(lanes)
            self._metrics.following_lag_ms.labels(str(generation)).set(
                behind_ms(reading, generation, lanes)
            )
        except (FencedError, StaleStateError):
            pass  # a lane changed hands, or an operator's command follows as well
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            self._forget_but([one for one in self._followers if one != generation])  # dropped

    def _follower(self, reading: psycopg.Connection, generation: int) -> LogFollower:
        if generation not in self._followers:
            writing = connect(self._database_url, f"following, writes {generation}", ANSWER_S)
            try:
                follower = LogFollower(
                    reading, writing, self._partitions, generation,
                    batch_events=_BATCH_EVENTS, cache_bytes=_CACHE_BYTES,
                )  # fmt: skip
            except psycopg.Error:
                writing.close()
                raise
            self._followers[generation] = (follower, writing)
            _log.info("following a generation beside the live one", generation=generation)
        return self._followers[generation][0]

    def _forget_but(self, generations: Collection[int]) -> None:
        for generation in self._followers.keys() - set(generations):
            self._followers.pop(generation)[1].close()
            self._metrics.following_lag_ms.remove(str(generation))
