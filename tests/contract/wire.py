"""Events as publishers write them: dictionaries, and stream entries in both content modes.

Used by the contract tests and by those of the delivery and the projector.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from shared.contracts.park_reasons import ParkReason

RECORDED: Final = Path(__file__).parent / "recorded"
#: An event that is accepted; tests change one thing in it.
GOOD: Final[Mapping[str, Any]] = {
    "specversion": "1.0",
    "id": "event-1",
    "source": "/dialer/eu-1",
    "type": "call.ended",
    "subject": "call-1",
    "time": "2026-03-02T09:03:00.5Z",
    "organizationid": "acme",
    "executionid": "exec-1",
    "data": {},
}
#: Said in place of a value: the key is not there at all.
ABSENT: Final = object()


class BadEntry(NamedTuple):
    """An entry that breaks the contract: its fields as in the stream, and why it is parked."""

    name: str
    fields: list[bytes]
    reason: ParkReason
    where: str  #: stands in the detail, so that an engineer finds the key


def changed(**changes: object) -> dict[str, Any]:
    """The good event with some attributes changed, or taken away (`ABSENT`)."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ABSENT}


def saying(event_type: str, **data: object) -> dict[str, Any]:
    """The good event with another type and payload."""
    return changed(type=event_type, data=data)


def json_bytes(event: object) -> bytes:
    """JSON in UTF-8, without spaces."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def structured(event: Mapping[str, Any] | bytes) -> list[bytes]:
    """The entry of structured mode: one field, the whole event."""
    return [b"event", event if isinstance(event, bytes) else json_bytes(event)]


def binary(event: Mapping[str, Any]) -> list[bytes]:
    """The entry of binary mode: one field per attribute; bytes stand as they are."""
    fields: list[bytes] = []
    for name, value in event.items():
        fields += [name.encode(), _field(name, value)]
    return fields


def _field(name: str, value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return json_bytes(value) if name == "data" else str(value).encode()


def padded(size_bytes: int) -> bytes:
    """The good event, exactly so long, by a text that nobody reads."""
    empty = json_bytes(saying("call.ended", note=""))
    return json_bytes(saying("call.ended", note="x" * (size_bytes - len(empty))))


def recorded_events() -> Iterator[tuple[str, bytes]]:
    """Type and bytes of each recorded event; their files are added to, never edited."""
    for path in sorted(RECORDED.glob("*.json")):
        yield path.stem, path.read_bytes()
