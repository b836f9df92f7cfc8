"""Reads what was published to the inbox stream, decoded by the project's own codec.

Called by `test_sip`. An event that the projector would park fails here, with its reason.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from shared.contracts.codec import decode_fields
from shared.contracts.envelope import Event
from shared.contracts.stream_names import INBOX_STREAM

_Entries = list[tuple[bytes, dict[bytes, bytes]]]
_PATIENCE_S = 10.0
_POLL_INTERVAL_S = 0.05
#: So long nothing more must come, once all that was expected has.
_SILENCE_S = 0.3


@dataclass(frozen=True, slots=True)
class Published:
    """One entry: its fields as text, and the event that the codec makes of them."""

    entry_ms: int
    fields: Mapping[str, str]
    event: Event

    @property
    def type(self) -> str:
        """The event type."""
        return self.fields["type"]

    @property
    def data(self) -> dict[str, object]:
        """The payload."""
        payload: dict[str, object] = msgspec.json.decode(self.fields["data"])
        return payload


class Inbox:
    """The inbox of one Redis, read on from where it stood when this was made."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._last_id = "0-0"

    def take(self, count: int) -> list[Published]:
        """The next `count` entries; more or fewer of them are an error."""
        deadline_s = time.monotonic() + _PATIENCE_S
        taken: list[Published] = []
        with redis.Redis.from_url(self._redis_url) as client:
            while len(taken) < count and time.monotonic() < deadline_s:
                taken += self._read(client)
                time.sleep(_POLL_INTERVAL_S)
            time.sleep(_SILENCE_S)
            taken += self._read(client)
        assert count == len(taken), [published.fields for published in taken]
        return taken

    def _read(self, client: redis.Redis) -> list[Published]:
        # redis-py types the answer for every way to decode it; ours is bytes.
        entries = cast("_Entries", client.xrange(INBOX_STREAM, min=f"({self._last_id}"))
        if entries:
            self._last_id = entries[-1][0].decode()
        return [_published(entry_id, fields) for entry_id, fields in entries]


def _published(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Published:
    return Published(
        entry_ms=int(entry_id.split(b"-")[0]),
        fields={name.decode(): value.decode() for name, value in fields.items()},
        event=decode_fields([part for field in fields.items() for part in field]),
    )
