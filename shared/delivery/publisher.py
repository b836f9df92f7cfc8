"""Publishes events: computes the partition, pipelines, retries with the same id.

For engineers whose system speaks Python; others need only `XADD` (events.md, "On a Redis stream").
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
import redis

from shared.contracts.codec import EVENT_FIELD
from shared.contracts.stream_names import PARTITIONS_KEY, partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.delivery.stream_watch import is_wrong_type
from shared.errors import PublishError
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT, PARTITIONS_MAX

#: N is read again this often (events.md: at least every 60 s).
_PARTITIONS_FRESH_S = 30.0
_PIPELINE_EVENTS = 500
_RETRY_FIRST_S = 0.05
_RETRY_MOST_S = 2.0

_encode = msgspec.json.Encoder(decimal_format="number").encode


def read_partitions(client: redis.Redis) -> int:
    """N as the installation advertises it, or the default where it says nothing.

    Raises:
        PublishError: the key holds no number of partitions.
    """
    try:
        text: Any = client.get(PARTITIONS_KEY)
    except redis.ResponseError as error:
        if not is_wrong_type(error):
            raise
        raise PublishError(f"{PARTITIONS_KEY} must hold text: {error}") from error
    if text is None:
        return PARTITIONS_DEFAULT
    if not text.isdigit() or not 1 <= int(text) <= PARTITIONS_MAX:
        raise PublishError(f"{PARTITIONS_KEY} must be 1 to {PARTITIONS_MAX}; it is {text!r}")
    return int(text)


class Publisher:
    """Publishes to one installation; use it as a context manager, from one thread.

    An event counts as published once `flush` returned. Redis being away is waited out for
    `patience_s`; then `PublishError` is raised and the unsent events stay, so that a later `flush`
    sends them, with the same ids: what was sent twice still counts once.
    """

    def __init__(self, redis_url: str, *, patience_s: float = 30.0) -> None:
        """Connects at the first event."""
        self._client = redis_client(redis_url)
        self._patience_s = patience_s
        self._waiting: list[tuple[str, Sequence[bytes]]] = []
        self._partitions = 0
        self._partitions_read_s = 0.0

    def publish(self, event: Mapping[str, Any]) -> None:
        """Queue one CloudEvent as a dictionary; Decimals are written exactly."""
        self.publish_json(str(event["subject"]), _encode(event))

    def publish_json(self, subject: str, event: bytes) -> None:
        """Queue one CloudEvent that is JSON already.

        Raises:
            PublishError: it is over the limit, so that it would be parked.
        """
        if len(event) > EVENT_BYTES_MAX:
            raise PublishError(f"an event of {len(event)} bytes; the limit is {EVENT_BYTES_MAX}")
        self.publish_fields(subject, (EVENT_FIELD, event))

    def publish_fields(self, subject: str, fields: Sequence[bytes]) -> None:
        """Queue one entry as it is, a flat list of names and values, in either content mode."""
        self._waiting.append((subject, fields))
        if len(self._waiting) >= _PIPELINE_EVENTS:
            self.flush()

    def publish_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Publish all events and wait until Redis has them."""
        for event in events:
            self.publish(event)
        self.flush()

    def flush(self) -> None:
        """Send what is queued; returns once Redis acknowledged all of it."""
        deadline_s = time.monotonic() + self._patience_s
        pause_s = _RETRY_FIRST_S
        while self._waiting:
            try:
                self._send()
            except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError) as error:
                if time.monotonic() > deadline_s:
                    raise PublishError(f"Redis takes no events: {error}") from error
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_MOST_S)

    def _send(self) -> None:
        if time.monotonic() - self._partitions_read_s > _PARTITIONS_FRESH_S:
            self._partitions = read_partitions(self._client)
            self._partitions_read_s = time.monotonic()
        sending = self._waiting[:_PIPELINE_EVENTS]
        pipeline: Any = self._client.pipeline(transaction=False)
        for subject, fields in sending:
            stream = partition_stream(partition_of(subject, self._partitions))
            pipeline.execute_command("XADD", stream, "*", *fields)
        pipeline.execute()
        del self._waiting[: len(sending)]

    def close(self) -> None:
        """Send what is queued and disconnect."""
        self.flush()
        self._client.close()

    def __enter__(self) -> Self:
        """The publisher itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what is queued, unless an error is on its way out."""
        if error is None:
            self.close()
        else:
            self._client.close()
