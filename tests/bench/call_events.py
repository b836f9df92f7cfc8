"""Single events about calls, for probes, changes and calls that stay open; JSON as published."""

from collections.abc import Iterator
from datetime import UTC, datetime
from json import dumps
from typing import Any

from tests.bench.load import ORGANIZATION_ID

_SOURCE = "/bench"
_OPENED_AT = datetime(2026, 9, 1, 8, tzinfo=UTC)


def initiated(execution_id: str, call_id: str, *, at: datetime = _OPENED_AT) -> tuple[str, bytes]:
    """Subject and JSON of the event that makes a call count."""
    data = {
        "contactId": f"contact-of-{call_id}",
        "direction": "outbound",
        "from": "+212520000001",
        "to": "+212600000001",
        "provider": "sip-eu",
    }
    return _event(execution_id, call_id, "call.initiated", data, at)


def open_calls(execution_id: str, calls: int) -> Iterator[tuple[str, bytes]]:
    """Calls that are initiated, then answered, then enter a node, and never end.

    All of one wave come before the next, so that every call is open while any other is touched.
    """
    call_ids = [f"open-call-{number:08}-4f1c-a7c3-51d2e0b9" for number in range(calls)]
    for call_id in call_ids:
        yield initiated(execution_id, call_id)
    for call_id in call_ids:
        data: dict[str, Any] = {"answeredBy": "human"}
        yield _event(execution_id, call_id, "call.answered", data, _OPENED_AT)
    for call_id in call_ids:
        data = {"stepId": f"step-of-{call_id}", "nodeId": "play-welcome", "nodeType": "play_audio"}
        yield _event(execution_id, call_id, "node.entered", data, _OPENED_AT)


def _event(
    execution_id: str, call_id: str, event_type: str, data: dict[str, Any], at: datetime
) -> tuple[str, bytes]:
    event = {
        "specversion": "1.0",
        "id": f"{event_type}-of-{call_id}",
        "source": _SOURCE,
        "type": event_type,
        "subject": call_id,
        "time": at.isoformat().replace("+00:00", "Z"),
        "organizationid": ORGANIZATION_ID,
        "executionid": execution_id,
        "data": data,
    }
    return call_id, dumps(event, separators=(",", ":")).encode()
