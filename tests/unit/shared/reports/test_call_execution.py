"""A call execution, folded from its call's events (reports.md, Call execution)."""

from typing import Any

import msgspec
import pytest

from shared.contracts.envelope import Event
from shared.folds.states import encode_state
from shared.projections.subjects import ExecutionRow
from shared.reports.call_execution import CallRow, call_execution
from tests.unit.shared.folds.given import TEN_US, decoded, state_of

_INITIATED = decoded("call.initiated", **{"from": "+1", "to": "+2"})
_BATCH = ExecutionRow(
    program_id="program",
    flow_id=None,
    agent_id="its-agent",
    batch_id="its-batch",
    status="paused_no_credits",
    first_us=TEN_US + 999_999,
    last_us=TEN_US + 61_000_000,
)


def _answer(*events: Event, execution: ExecutionRow | None = None) -> dict[str, Any]:
    """The answer about a call with these events, as a client decodes it."""
    answer: dict[str, Any] = msgspec.json.decode(_bytes(*events, execution=execution))
    return answer


def _bytes(*events: Event, execution: ExecutionRow | None = None) -> bytes:
    call = CallRow("call-1", encode_state(state_of(*events)), execution)
    return msgspec.json.encode(call_execution(call))


def test_call_of_which_little_is_known_has_every_key() -> None:
    """Null where unknown; the optional objects are absent; nothing charged is 0."""
    assert {
        "id": "call-1",
        "agent_id": None,
        "batch_id": None,
        "conversation_time": 0,
        "total_cost": 0,
        "status": "ringing",
        "answered_by_voice_mail": False,
        "transcript": None,
        "created_at": "2025-12-20T10:00:00Z",
        "updated_at": "2025-12-20T10:00:00Z",
        "cost_breakdown": {
            "llm": 0,
            "network": 0,
            "platform": 0,
            "synthesizer": 0,
            "transcriber": 0,
        },
        "telephony_data": {
            "duration": 0,
            "to_number": None,
            "from_number": None,
            "recording_url": None,
            "hosted_telephony": None,
            "provider_call_id": None,
            "call_type": "outbound",
            "provider": None,
            "hangup_by": None,
            "hangup_reason": None,
            "hangup_provider_code": None,
        },
        "extracted_data": None,
        "context_details": None,
    } == _answer(decoded("call.ringing"))


@pytest.mark.parametrize(
    ("events", "status"),
    (
        ([decoded("call.charged", amount=1)], "queued"),
        ([decoded("call.transcribed", transcript="Hello")], "queued"),
        ([_INITIATED], "initiated"),
        ([_INITIATED, decoded("call.ringing")], "ringing"),
        ([decoded("call.answered"), decoded("call.ringing")], "in-progress"),
        ([decoded("call.ended", outcome="completed", final=False)], "call-disconnected"),
        ([decoded("call.ended", final=False), decoded("call.finalized")], "failed"),
        ([decoded("call.ended", outcome="completed")], "completed"),
        ([decoded("call.ended", outcome="voicemail")], "completed"),
        ([decoded("call.ended", outcome="no_answer")], "no-answer"),
        ([decoded("call.ended", outcome="busy")], "busy"),
        ([decoded("call.ended", outcome="rejected")], "failed"),
        ([decoded("call.ended", outcome="failed")], "failed"),
        ([decoded("call.ended", outcome="abducted")], "failed"),
        ([decoded("call.ended", outcome="cancelled")], "canceled"),
        ([decoded("call.ended", outcome="no_credits")], "balance-low"),
    ),
)
def test_status_is_the_furthest_state(events: list[Event], status: str) -> None:
    """Whatever came later in time; an end counts once nothing more is being computed."""
    assert status == _answer(*events)["status"]


def test_voicemail_is_an_outcome() -> None:
    """As said, or by who answered, once the call has ended; what is said wins."""
    machine = decoded("call.answered", answeredBy="machine")
    assert not _answer(machine)["answered_by_voice_mail"]
    assert _answer(machine, decoded("call.ended"))["answered_by_voice_mail"]
    said = decoded("call.ended", outcome="completed")
    assert not _answer(machine, said)["answered_by_voice_mail"]


@pytest.mark.parametrize(
    ("duration_ms", "seconds"), ((0, 0), (499, 0), (500, 1), (1_499, 1), (42_500, 43))
)
def test_duration_is_whole_seconds_half_up(duration_ms: int, seconds: int) -> None:
    """The same in both places."""
    answer = _answer(decoded("call.ended", durationMs=duration_ms))
    assert seconds == answer["conversation_time"]
    assert seconds == answer["telephony_data"]["duration"]


def test_duration_runs_from_answer_to_end_where_none_is_said() -> None:
    """While the call goes on it is 0."""
    answered = decoded("call.answered", "10:00:02.300")
    assert 0 == _answer(answered)["conversation_time"]
    assert 6 == _answer(answered, decoded("call.ended", "10:00:07.800"))["conversation_time"]


def test_correction_replaces_the_whole_end() -> None:
    """The later `call.ended` gives everything but the time."""
    answer = _answer(
        decoded("call.ended", outcome="busy", hangupBy="Carrier", hangupCode=3020),
        decoded("call.ended", "10:00:01", outcome="no_answer", hangupCode=-1),
    )
    assert "no-answer" == answer["status"]
    assert (None, -1) == (
        answer["telephony_data"]["hangup_by"],
        answer["telephony_data"]["hangup_provider_code"],
    )


def test_costs_add_up_exactly() -> None:
    """By component; without one in the total only; never a float, never an exponent."""
    body = _bytes(
        decoded("call.charged", amount="0.1", component="llm", nodeId="n"),
        decoded("call.charged", amount="0.2", component="llm", nodeType="say"),
        decoded("call.charged", amount="-0.3", component="llm"),
        decoded("call.charged", amount="0.000000001", component="zebra"),
        decoded("call.charged", amount="99999999999.999999999", component="ant"),
        decoded("call.charged", amount="-200000000000.5"),
        decoded("call.charged", amount=7, component="network"),
    )
    assert b'"total_cost":-99999999993.5,' in body
    assert (
        b'"cost_breakdown":{"llm":0,"network":7,"platform":0,"synthesizer":0,"transcriber":0,'
        b'"ant":99999999999.999999999,"zebra":0.000000001}'
    ) in body


def test_line_is_what_initiated_and_ended_say() -> None:
    """Merged key by key over several `call.initiated`."""
    line = _answer(
        decoded("call.initiated", provider="plivo", hosted=False, **{"from": "+1", "to": "+2"}),
        decoded("call.initiated", "10:00:01", provider="twilio", providerCallId="CA1",
                direction="inbound", **{"from": "+3", "to": "+2"}),
        decoded("call.ended", hangupBy="Caller", hangupReason="Normal Hangup", hangupCode=4000),
    )["telephony_data"]  # fmt: skip
    assert {
        "duration": 0,
        "to_number": "+2",
        "from_number": "+3",
        "recording_url": None,
        "hosted_telephony": False,
        "provider_call_id": "CA1",
        "call_type": "inbound",
        "provider": "twilio",
        "hangup_by": "Caller",
        "hangup_reason": "Normal Hangup",
        "hangup_provider_code": 4000,
    } == line


def test_recording_is_the_latest_of_the_whole_call() -> None:
    """With a url and without a node; a recording whose correction has no url has none."""
    answer = _answer(
        decoded("call.recorded", "10:00:01", recordingId="a", url="https://r/a"),
        decoded("call.recorded", "10:00:04", recordingId="b", url="https://r/b"),
        decoded("call.recorded", "10:00:05", recordingId="b"),
        decoded("call.recorded", "10:00:03", recordingId="c", url="https://r/c"),
        decoded("call.recorded", "10:00:06", recordingId="d", url="https://r/d",
                nodeId="ask"),
        decoded("call.recording_transcribed", "10:00:07", recordingId="e", text="Hi"),
    )  # fmt: skip
    assert "https://r/c" == answer["telephony_data"]["recording_url"]


def test_transfer_is_there_where_there_was_one() -> None:
    """The latest wins whole; cost is exact, and its unknown keys are null."""
    body = _bytes(
        decoded("call.transferred", status="failed", hangupBy="Carrier",
                **{"from": "+1", "to": "+2"}),
        decoded("call.transferred", "10:00:01", status="completed", durationMs=41_500,
                cost="1.10", providerCallId="CA2", **{"from": "+1", "to": "+3"}),
    )  # fmt: skip
    assert (
        b'"transfer_call_data":{"provider_call_id":"CA2","status":"completed","duration":42,'
        b'"cost":1.1,"to_number":"+3","from_number":"+1","recording_url":null,"hangup_by":null,'
        b'"hangup_reason":null,"hangup_provider_code":null}'
    ) in body


def test_transfer_of_which_little_is_known_has_nulls() -> None:
    """No duration and no cost are not 0."""
    said = decoded("call.transferred", status="in-progress", **{"from": "+1", "to": "+2"})
    transfer = _answer(said)["transfer_call_data"]
    assert (None, None) == (transfer["duration"], transfer["cost"])


def test_agent_and_batch_are_the_calls_own_else_the_executions() -> None:
    """Each for itself; a batch brings its details, and retries count from the second attempt."""
    ringing = decoded("call.ringing")
    own = decoded("call.initiated", agentId="a", attempt=3, **{"from": "+1", "to": "+2"})
    answer = _answer(own, execution=_BATCH)
    assert ("a", "its-batch") == (answer["agent_id"], answer["batch_id"])
    assert {
        "status": "paused_no_credits",
        "created_at": "2025-12-20T10:00:00Z",
        "updated_at": "2025-12-20T10:01:01Z",
        "retried": 2,
    } == answer["batch_run_details"]
    assert "its-agent" == _answer(ringing, execution=_BATCH)["agent_id"]


def test_batch_without_an_execution_has_no_status() -> None:
    """A call may name a batch that no execution is known of; and an execution may have none."""
    own = decoded("call.initiated", batchId="b", **{"from": "+1", "to": "+2"})
    details = {"status": None, "created_at": None, "updated_at": None, "retried": 0}
    assert details == _answer(own)["batch_run_details"]
    no_batch = _BATCH._replace(batch_id=None)
    assert "batch_run_details" not in _answer(own := decoded("call.ringing"), execution=no_batch)
    assert _answer(own, execution=no_batch)["batch_id"] is None


def test_json_is_handed_through_as_published() -> None:
    """Order of keys and spelling of numbers stay; the analysis that wins is taken whole."""
    body = _bytes(
        decoded("call.initiated", context={"z": 1, "a": None}, **{"from": "+1", "to": "+2"}),
        decoded("call.analyzed", extractedData={"price": 10.50, "b": {}, "a": []}),
    )
    assert body.endswith(
        b'"extracted_data":{"price":10.5,"b":{},"a":[]},"context_details":{"z":1,"a":null}}'
    )


def test_analysis_that_extracted_nothing_is_null() -> None:
    """As null, as absent, and where a later analysis takes it back."""
    said = decoded("call.analyzed", extractedData={"a": 1})
    null = decoded("call.analyzed", "10:00:01", extractedData=None)
    other = decoded("call.analyzed", "10:00:01", voiceAnalytics={"mood": "good"})
    assert {"a": 1} == _answer(said)["extracted_data"]
    assert _answer(said, null)["extracted_data"] is None
    assert _answer(said, other)["extracted_data"] is None


def test_times_are_the_earliest_and_latest_event_truncated() -> None:
    """Of any type, a late charge too; before 1970 truncated means earlier as well."""
    answer = _answer(
        decoded("call.ended", "10:00:05.999999"),
        decoded("call.charged", "10:07:59.999999", amount=1),
        decoded("call.ringing", "09:59:58.999"),
    )
    assert ("2025-12-20T09:59:58Z", "2025-12-20T10:07:59Z") == (
        answer["created_at"],
        answer["updated_at"],
    )
