"""One call as an agent's execution: its status, its costs, what is known of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    ORGANIZATION,
    call_of,
    charged,
    event,
    scheduled,
)

INITIATED = event("call.initiated", "x", data={"from": "1", "to": "2", "attempt": 3})


@pytest.mark.parametrize(
    ("types", "status"),
    (
        (["call.recorded"], "queued"),
        (["call.initiated"], "initiated"),
        (["call.initiated", "call.ringing"], "ringing"),
        (["call.answered"], "in-progress"),
        (["call.answered", "call.amd_completed", "call.finalized"], "in-progress"),
    ),
)
def test_live_call_is_in_its_furthest_state(types: list[str], status: str) -> None:
    """Nothing but the end ends a call."""
    data: dict[str, Any] = {"from": "1", "to": "2", "answeredBy": "human", "recordingId": "r"}

    assert call_of(*(event(type_, "x", data=data) for type_ in types))["status"] == status


@pytest.mark.parametrize(
    ("outcome", "status"),
    (
        ("completed", "completed"),
        ("voicemail", "completed"),
        ("no_answer", "no-answer"),
        ("busy", "busy"),
        ("rejected", "failed"),
        ("failed", "failed"),
        ("cancelled", "canceled"),
        ("no_credits", "balance-low"),
        ("unheard_of", "failed"),
    ),
)
def test_outcome_decides_status_of_a_call_that_is_over(outcome: str, status: str) -> None:
    """Only a machine that took it is told apart by another key."""
    call = call_of(event("call.ended", "x", data={"outcome": outcome}))

    assert (call["status"], call["answered_by_voice_mail"]) == (status, outcome == "voicemail")


def test_unfinished_call_is_disconnected_until_finalized() -> None:
    """`final: false` waits for `call.finalized`, or for a correction without it."""
    ended = event("call.ended", "x", data={"outcome": "busy", "final": False})
    corrected = event("call.ended", "x", "10:00:01", {"outcome": "busy"})

    assert call_of(ended)["status"] == "call-disconnected"
    assert call_of(ended, event("call.finalized", "x"))["status"] == "busy"
    assert call_of(ended, corrected)["status"] == "busy"


def test_costs_are_broken_down_by_component() -> None:
    """Five keys stand, others join them, a charge without one is in the total alone."""
    call = call_of(
        charged("x", "0.1", component="llm"),
        charged("x", "0.2", component="llm"),
        charged("x", 2, component="carrier"),
        charged("x", 5),
    )

    assert call["total_cost"] == Decimal("7.3")
    assert call["cost_breakdown"] == {
        "llm": Decimal("0.3"),
        "network": 0,
        "platform": 0,
        "synthesizer": 0,
        "transcriber": 0,
        "carrier": 2,
    }


def test_keys_are_there_though_nothing_is_known() -> None:
    """But those of a transfer and a batch."""
    call = call_of(INITIATED)

    assert (call["conversation_time"], call["total_cost"], call["transcript"]) == (0, 0, None)
    assert call["extracted_data"] is None
    assert call["context_details"] is None
    assert call["telephony_data"] == {
        "duration": 0,
        "to_number": "2",
        "from_number": "1",
        "recording_url": None,
        "hosted_telephony": None,
        "provider_call_id": None,
        "call_type": "outbound",
        "provider": None,
        "hangup_by": None,
        "hangup_reason": None,
        "hangup_provider_code": None,
    }
    assert not {"transfer_call_data", "batch_run_details"} & call.keys()


def test_agent_and_batch_are_the_executions_unless_said() -> None:
    """With a batch comes its run: the execution's status and its first and last event."""
    started = event("execution.started", "spring", "09:00:00.9")

    call = call_of(scheduled(agentId="a", batchId="b"), started, INITIATED)

    assert (call["agent_id"], call["batch_id"]) == ("a", "b")
    assert call["batch_run_details"] == {
        "status": "running",
        "created_at": "2025-12-20T08:00:00Z",
        "updated_at": "2025-12-20T09:00:00Z",
        "retried": 2,
    }
    own = event("call.initiated", "x", data={"from": "1", "to": "2", "agentId": "own"})
    assert call_of(scheduled(agentId="a"), own)["agent_id"] == "own"


def test_recording_is_the_latest_of_the_whole_call() -> None:
    """One of a node, or one without an address, is not."""
    recordings = [
        ("10:00:01", {"recordingId": "1", "url": "first"}),
        ("10:00:02", {"recordingId": "2", "url": "second"}),
        ("10:00:03", {"recordingId": "3", "url": "of a node", "nodeId": "n"}),
        ("10:00:04", {"recordingId": "4"}),
    ]
    events = [event("call.recorded", "x", clock, data) for clock, data in recordings]

    assert call_of(*events)["telephony_data"]["recording_url"] == "second"


def test_extracted_nulls_stay() -> None:
    """`extractedData` is handed through; none at all is null."""
    analyzed = event("call.analyzed", "x", data={"extractedData": {"day": None}})

    assert call_of(INITIATED, analyzed)["extracted_data"] == {"day": None}
    nothing = event("call.analyzed", "x", "10:00:01", {"extractedData": None})
    assert call_of(INITIATED, analyzed, nothing)["extracted_data"] is None


def test_runs_and_messages_are_no_calls() -> None:
    """Nor is what another organization called."""
    model = ReferenceModel(
        [
            event("run.started", "r", data={"flowId": "f"}),
            event("sms.sent", "m", data={"smsId": "m"}),
            event("call.ringing", "c", organization_id="them"),
        ]
    )

    assert [model.call_execution(ORGANIZATION, id_) for id_ in "rmc"] == [None, None, None]
