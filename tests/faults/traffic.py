"""Live traffic that insists: what Redis refuses or leaves unanswered is published again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import redis

from tests.whole_system import publish

_PAUSE_S = 0.05


@dataclass
class Traffic:
    """Publishes events in parts, in a thread; `acknowledged` grows as Redis confirms them."""

    redis_url: str
    events: list[dict[str, Any]]
    rate_per_s: int = 4_000
    part: int = 200
    seed: int = 0
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    #: How many parts were refused or unanswered, and so published again.
    refused: int = 0
    _done: Event = field(default_factory=Event)

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        """Publish while the block runs; at its end the rest as well, without pauses."""
        thread = Thread(target=self._flow, name="traffic")
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()

    @property
    def over(self) -> bool:
        """Whether all was published."""
        return len(self.acknowledged) == len(self.events)

    def _flow(self) -> None:
        for start in range(0, len(self.events), self.part):
            self._insist(self.events[start : start + self.part], self.seed + start)
            self._done.wait(self.part / self.rate_per_s)

    def _insist(self, part: list[dict[str, Any]], seed: int) -> None:
        while True:
            try:
                publish(self.redis_url, part, seed)
            except (redis.RedisError, OSError):
                self.refused += 1
                time.sleep(_PAUSE_S)
            else:
                self.acknowledged += part
                return
