"""The example document of the vendor, yielded by events of a hand-made call.

It contradicts itself and reports.md in these places:

- `conversation_time` 123 but `telephony_data.duration` 42: they are one figure, so both are 42.
- `total_cost` 123 but components that sum to 14.9: the rest is charged without a component.
- `answered_by_voice_mail` beside a conversation that extraction understood: nothing forbids it.
- `transcript` is the placeholder of a type; any text will do.
"""

from collections.abc import Iterator
from decimal import Decimal
from json import loads
from typing import Any, Final

import pytest

from shared.storage.api_keys import create_api_key
from tests.equality import differences
from tests.integration.services.read_api.batches import Batches
from tests.integration.services.read_api.call_execution.given import event
from tests.integration.services.read_api.process import ReadApi
from tests.integration.shared.storage.lane_owner import lane_owner

_CALL: Final = "4c06b4d1-4096-4561-919a-4f94539c8d4a"
_AGENT: Final = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
_BATCH: Final = "baab7cdc833145bf8dd260ff1f0a3f21"
_LEG: Final = "CA42fb13614bfcfeccd94cf33befe14s2f"
_RECORDING: Final = "https://recordings.example/AC1f3285e7c353c7d4036544f8dac36b98"
_FIRST: Final = "2024-01-23T01:14:37Z"
_LAST: Final = "2024-01-29T18:31:22Z"
_HANGUP: Final[dict[str, Any]] = {
    "hangupBy": "Caller",
    "hangupReason": "Normal Hangup",
    "hangupCode": 4000,
}
_NUMBERS: Final[dict[str, Any]] = {"from_": "+19876543007", "to": "+10123456789"}
_TRANSCRIPT: Final = "assistant: Hello!\nuser: Hi."
_EXTRACTED: Final = {
    "user_interested": True,
    "callback_user": False,
    "address": "42 world lane",
    "salary_expected": "42 bitcoins",
}

_EXAMPLE: Final = {
    "id": _CALL,
    "agent_id": _AGENT,
    "batch_id": _BATCH,
    "conversation_time": 42,
    "total_cost": 123,
    "status": "completed",
    "answered_by_voice_mail": True,
    "transcript": _TRANSCRIPT,
    "created_at": _FIRST,
    "updated_at": _LAST,
    "cost_breakdown": {
        "llm": Decimal("4.2"),
        "network": Decimal("1.2"),
        "platform": 2,
        "synthesizer": Decimal("6.8"),
        "transcriber": Decimal("0.7"),
    },
    "telephony_data": {
        "duration": 42,
        "to_number": "+10123456789",
        "from_number": "+19876543007",
        "recording_url": _RECORDING,
        "hosted_telephony": True,
        "provider_call_id": _LEG,
        "call_type": "outbound",
        "provider": "twilio",
        "hangup_by": "Caller",
        "hangup_reason": "Normal Hangup",
        "hangup_provider_code": 4000,
    },
    "transfer_call_data": {
        "provider_call_id": _LEG,
        "status": "completed",
        "duration": 42,
        "cost": 123,
        "to_number": "+10123456789",
        "from_number": "+19876543007",
        "recording_url": _RECORDING,
        "hangup_by": "Caller",
        "hangup_reason": "Normal Hangup",
        "hangup_provider_code": 4000,
    },
    "batch_run_details": {
        "status": "completed",
        "created_at": _FIRST,
        "updated_at": _LAST,
        "retried": 0,
    },
    "extracted_data": _EXTRACTED,
    "context_details": {},
}


def _charged(amount: str, component: str | None) -> dict[str, Any]:
    return _at_last("call.charged", amount=amount, component=component)


def _at_last(type_: str, subject: str = _CALL, **data: Any) -> dict[str, Any]:
    return event(type_, subject, _LAST, execution_id="run", organization_id="bakery", **data)


def _at_first(type_: str, subject: str = _CALL, **data: Any) -> dict[str, Any]:
    return event(type_, subject, _FIRST, execution_id="run", organization_id="bakery", **data)


_EVENTS: Final = (
    _at_first("execution.scheduled", "run", programId="p", batchId=_BATCH),
    _at_first("execution.started", "run"),
    _at_last("execution.completed", "run"),
    _at_first(
        "call.initiated",
        **_NUMBERS,
        provider="twilio",
        providerCallId=_LEG,
        agentId=_AGENT,
        hosted=True,
        context={},
    ),
    _at_first("call.answered", answeredBy="machine"),
    _at_first("call.ended", outcome="voicemail", durationMs=42_000, final=False, **_HANGUP),
    _at_first(
        "call.transferred",
        **_NUMBERS,
        **_HANGUP,
        status="completed",
        providerCallId=_LEG,
        durationMs=42_000,
        cost=123,
        recordingUrl=_RECORDING,
    ),
    _at_last("call.recorded", recordingId="r", url=_RECORDING),
    _at_last("call.transcribed", transcript=_TRANSCRIPT),
    _at_last("call.analyzed", extractedData=_EXTRACTED),
    _charged("4.2", "llm"),
    _charged("1.2", "network"),
    _charged("2", "platform"),
    _charged("6.8", "synthesizer"),
    _charged("0.7", "transcriber"),
    _charged("108.1", None),
    _at_last("call.finalized"),
)


@pytest.fixture(scope="module")
def bakery(read_url: str) -> Iterator[str]:
    """A key of the organization that made the call."""
    with lane_owner(read_url, "one") as one:
        Batches(one).commit(*_EVENTS)
        yield create_api_key(read_url, "bakery", ["read"], "tests")


def test_events_yield_the_example(read_api: ReadApi, bakery: str) -> None:
    """Key by key, in its order: names, types and values."""
    answer = read_api.get(f"/executions/{_CALL}", bakery)
    assert 200 == answer.status
    assert [] == list(differences(_EXAMPLE, loads(answer.body, parse_float=Decimal)))


@pytest.mark.parametrize("target", (f"/agent/{_AGENT}/executions", f"/batches/{_BATCH}/executions"))
def test_list_items_have_the_same_schema(read_api: ReadApi, bakery: str, target: str) -> None:
    """The very object, in the arrays and in the page."""
    assert [_EXAMPLE["id"]] == [item["id"] for item in read_api.get(target, bakery).json]
    one = read_api.get(f"/executions/{_CALL}", bakery).json
    assert [one] == read_api.get(target, bakery).json
    page = read_api.get(f"/v2/agent/{_AGENT}/executions", bakery).json
    assert {"page_number": 1, "page_size": 20, "total": 1, "has_more": False, "data": [one]} == page
