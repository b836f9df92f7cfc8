"""Wakes a projector when another comes or goes, through a channel of Redis.

A thread of ours, not a FastStream subscriber: that stays with one address, ends the process where
Redis is away at its start, and waits without bound on a network that is gone. A message is a hint
that saves a second: without any, lanes are shared at the next look.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import redis

from shared.contracts.stream_names import CONTROL_CHANNEL
from shared.delivery.connection import redis_client

#: How long one wait for a message takes; the end of the process waits as long at most.
_WAIT_S = 0.5
#: How long a server that is away is left alone.
_AGAIN_S = 1.0


class ControlChannel:
    """Listens between `start` and `stop`."""

    def __init__(self, redis_url: str, wake: Callable[[], None]) -> None:
        """Connects when it runs."""
        self._client = redis_client(redis_url)
        self._wake = wake
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="control-channel", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End within half a second."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def tell_others(self) -> None:
        """Wake every projector, this one too; nothing where Redis is away."""
        with suppress(redis.RedisError):
            self._client.publish(CONTROL_CHANNEL, b"")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except redis.RedisError:
                self._stopping.wait(_AGAIN_S)

    def _listen(self) -> None:
        subscribe: Any = self._client.pubsub
        with subscribe(ignore_subscribe_messages=True) as subscribed:
            subscribed.subscribe(CONTROL_CHANNEL)
            while not self._stopping.is_set():
                if subscribed.get_message(timeout=_WAIT_S) is not None:
                    self._wake()
