"""One execution of an agent: a call of a batch that a machine took and that was transferred."""

from typing import Any

from tests.seed_documents import event

CALL_ID = "4c06b4d1-4096-4561-919a-4f94539c8d4a"
AGENT_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
BATCH_ID = "baab7cdc833145bf8dd260ff1f0a3f21"
PATH = f"/executions/{CALL_ID}"
_PROVIDER_CALL_ID = "CA42fb13614bfcfeccd94cf33befe14s2f"
_RECORDING_URL = (
    "https://bolna-call-recordings.s3.us-east-1.amazonaws.com/"
    "AC1f3285e7c353c7d4036544f8dac36b98/REb1c182ccde4ddf7969a511a267d3c669"
)
_EXTRACTED: dict[str, Any] = {
    "user_interested": True,
    "callback_user": False,
    "address": "42 world lane",
    "salary_expected": "42 bitcoins",
}
_HANGUP = {"hangupBy": "Caller", "hangupReason": "Normal Hangup", "hangupCode": 4000}
_CHARGES: tuple[dict[str, Any], ...] = (
    {"amount": 4.2, "component": "llm"},
    {"amount": "1.2", "component": "network"},
    {"amount": 2, "component": "platform"},
    {"amount": 6.8, "component": "synthesizer"},
    {"amount": 0.7, "component": "transcriber"},
    # The printed total is more than its parts: the rest is of no component.
    {"amount": "108.1"},
)

EVENTS = [
    event(
        "execution.scheduled",
        "batch run",
        "2024-01-23T01:14:37Z",
        {"programId": "p", "batchId": BATCH_ID},
    ),
    event("execution.completed", "batch run", "2024-01-29T18:31:22Z"),
    event(
        "call.initiated",
        CALL_ID,
        "2024-01-23T01:14:37Z",
        {
            "agentId": AGENT_ID,
            "from": "+19876543007",
            "to": "+10123456789",
            "provider": "twilio",
            "providerCallId": _PROVIDER_CALL_ID,
            "hosted": True,
            "context": {},
        },
        executionid="batch run",
    ),
    event("call.answered", CALL_ID, "2024-01-23T01:14:50Z", {"answeredBy": "machine"}),
    event(
        "call.transferred",
        CALL_ID,
        "2024-01-23T01:15:20Z",
        {
            "providerCallId": _PROVIDER_CALL_ID,
            "status": "completed",
            "durationMs": 42_000,
            "cost": 123,
            "from": "+19876543007",
            "to": "+10123456789",
            "recordingUrl": _RECORDING_URL,
            **_HANGUP,
        },
    ),
    event("call.ended", CALL_ID, "2024-01-23T01:15:32Z", {"final": False, **_HANGUP}),
    event(
        "call.recorded",
        CALL_ID,
        "2024-01-23T01:16:00Z",
        {"recordingId": "r", "url": _RECORDING_URL},
    ),
    event("call.transcribed", CALL_ID, "2024-01-23T01:17:00Z", {"transcript": "<string>"}),
    event("call.analyzed", CALL_ID, "2024-01-23T01:17:01Z", {"extractedData": _EXTRACTED}),
    *(event("call.charged", CALL_ID, "2024-01-23T01:18:00Z", charge) for charge in _CHARGES),
    event("call.finalized", CALL_ID, "2024-01-29T18:31:22Z"),
]

EXAMPLE: dict[str, Any] = {
    "id": CALL_ID,
    "agent_id": AGENT_ID,
    "batch_id": BATCH_ID,
    "conversation_time": 123,
    "total_cost": 123,
    "status": "completed",
    "answered_by_voice_mail": True,
    "transcript": "<string>",
    "created_at": "2024-01-23T01:14:37Z",
    "updated_at": "2024-01-29T18:31:22Z",
    "cost_breakdown": {
        "llm": 4.2,
        "network": 1.2,
        "platform": 2,
        "synthesizer": 6.8,
        "transcriber": 0.7,
    },
    "telephony_data": {
        "duration": 42,
        "to_number": "+10123456789",
        "from_number": "+19876543007",
        "recording_url": _RECORDING_URL,
        "hosted_telephony": True,
        "provider_call_id": _PROVIDER_CALL_ID,
        "call_type": "outbound",
        "provider": "twilio",
        "hangup_by": "Caller",
        "hangup_reason": "Normal Hangup",
        "hangup_provider_code": 4000,
    },
    "transfer_call_data": {
        "provider_call_id": _PROVIDER_CALL_ID,
        "status": "completed",
        "duration": 42,
        "cost": 123,
        "to_number": "+10123456789",
        "from_number": "+19876543007",
        "recording_url": _RECORDING_URL,
        "hangup_by": "Caller",
        "hangup_reason": "Normal Hangup",
        "hangup_provider_code": 4000,
    },
    "batch_run_details": {
        "status": "completed",
        "created_at": "2024-01-23T01:14:37Z",
        "updated_at": "2024-01-29T18:31:22Z",
        "retried": 0,
    },
    "extracted_data": _EXTRACTED,
    "context_details": {},
}

#: `conversation_time` and `telephony_data.duration` are one figure, but are printed as two.
DECIDED = {"conversation_time": 42}
