"""Sends simulated entries the way various publishers do; used by `callfold simulate`."""

from typing import Any, Self

import redis

from services.tooling.traffic import Event, to_fields, to_json
from services.tooling.traffic.dice import Dice
from shared.contracts.codec import EVENT_FIELD
from shared.contracts.stream_names import INBOX_STREAM, partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.delivery.publisher import Publisher, read_partitions
from shared.errors import PublishError

_PATIENCE_S = 10.0  # Ctrl-C waits as long when Redis is away
_PIPELINE_ENTRIES = 500


class SimulatedSender:
    """Our own publisher for most entries, and a plain XADD for the others' habits.

    Who publishes in binary mode or to the inbox is a SIP proxy's script or a shell (events.md, "On
    a Redis stream"), so those entries are sent as such a script sends them, without our publisher.
    """

    def __init__(
        self, redis_url: str, *, binary_share: float, inbox_share: float, seed: int
    ) -> None:
        """Connects when entered; shares are 0 to 1 and fall independently."""
        self._publisher = Publisher(redis_url, patience_s=_PATIENCE_S)
        self._client = redis_client(redis_url)
        self._dice = Dice(f"{seed}\nsender")
        self._binary_share = binary_share
        self._inbox_share = inbox_share
        #: (subject, or None for the inbox; fields)
        self._plain: list[tuple[str | None, dict[bytes, bytes]]] = []

    def send(self, event: Event) -> None:
        """Queue one entry; it is on its way after `flush` at the latest."""
        is_binary = self._dice.chance(self._binary_share)
        to_inbox = self._dice.chance(self._inbox_share)
        if not is_binary and not to_inbox:
            self._publisher.publish(event)
            return
        fields = to_fields(event) if is_binary else {EVENT_FIELD: to_json(event)}
        self._plain.append((None if to_inbox else event["subject"], fields))
        if len(self._plain) >= _PIPELINE_ENTRIES:
            self._flush_plain()

    def flush(self) -> None:
        """Send what is queued; returns once Redis acknowledged all of it.

        Raises:
            PublishError: Redis does not take it.
        """
        self._publisher.flush()
        self._flush_plain()

    def __enter__(self) -> Self:
        """Connect: a wrong address shows at once, before there is patience for an outage.

        Raises:
            PublishError: Redis does not answer.
        """
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise PublishError(f"Redis does not answer: {error}") from error
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._client.close()

    def _flush_plain(self) -> None:
        if not self._plain:
            return
        try:
            partitions = read_partitions(self._client)
            pipeline: Any = self._client.pipeline(transaction=False)
            for subject, fields in self._plain:
                stream = INBOX_STREAM
                if subject is not None:
                    stream = partition_stream(partition_of(subject, partitions))
                pipeline.xadd(stream, fields)
            pipeline.execute()
        except redis.RedisError as error:
            raise PublishError(f"Redis takes no events: {error}") from error
        self._plain.clear()
