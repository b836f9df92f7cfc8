"""Payloads of calls, runs, nodes and messages, as events.md, section 3, lists them."""

from hypothesis import strategies as st

from tests.property.event_strategies.values import (
    Strategy,
    amounts,
    booleans,
    digits,
    flow_outcomes,
    ids,
    jsons,
    node_types,
    objects,
    ordinals,
    outcomes,
    own_ids,
    record,
    signed,
    texts,
    uints,
)

_answered_by = st.sampled_from(("human", "machine", "unknown"))
_nothing: Strategy = record({}, {})
_hangup = {"hangupBy": texts, "hangupReason": texts, "hangupCode": signed}
_step = {"stepId": own_ids, "nodeId": ids}

CALL_PAYLOADS: dict[str, Strategy] = {
    "call.initiated": record(
        {"from": texts, "to": texts},
        {
            "contactId": ids,
            "attempt": ordinals,
            "direction": st.sampled_from(("outbound", "inbound")),
            "provider": texts,
            "providerCallId": texts,
            "programId": ids,
            "agentId": ids,
            "batchId": ids,
            "flowId": ids,
            "flowVersion": uints,
            "hosted": booleans,
            "context": objects,
            "welcomeMessage": texts,
            "agenda": texts,
            "variables": objects,
        },
    ),
    "call.ringing": _nothing,
    "call.answered": record({}, {"answeredBy": _answered_by}),
    "call.amd_completed": record({"answeredBy": _answered_by}, {}),
    "call.ended": record(
        {},
        {
            "outcome": outcomes,
            "flowOutcome": flow_outcomes,
            "durationMs": uints,
            "sipCode": uints,
            "q850Cause": uints,
            "error": texts,
            "retryReason": texts,
            "final": booleans,
            **_hangup,
        },
    ),
    "call.finalized": _nothing,
    "call.transferred": record(
        {"status": texts, "from": texts, "to": texts},
        {
            "providerCallId": texts,
            "durationMs": uints,
            "cost": amounts,
            "recordingUrl": texts,
            **_hangup,
        },
    ),
    "call.transcribed": record({"transcript": texts}, {}),
    "call.analyzed": record({}, {"extractedData": objects, "voiceAnalytics": objects}),
    "call.recorded": record(
        {"recordingId": own_ids}, {"url": texts, "nodeId": ids, "stepId": ids, "durationMs": uints}
    ),
    "call.recording_transcribed": record({"recordingId": own_ids, "text": texts}, {}),
    "call.charged": record(
        {"amount": amounts},
        {
            "component": st.sampled_from(("llm", "network", "other")),
            "nodeId": ids,
            "nodeType": node_types,
            "durationMs": uints,
        },
    ),
}

RUN_PAYLOADS: dict[str, Strategy] = {
    "run.started": record(
        {"flowId": ids}, {"flowVersion": uints, "contactId": ids, "programId": ids}
    ),
    "run.ended": record({"outcome": flow_outcomes}, {"variables": objects}),
    "node.entered": record(_step, {"nodeType": node_types, "label": texts}),
    "node.exited": record(
        _step,
        {
            "nodeType": node_types,
            "output": st.sampled_from(("onAnswer", "branch_1")),
            "edgeId": ids,
            "context": objects,
        },
    ),
    "dtmf.received": record({**_step, "digits": digits}, {"branch": texts}),
    "variable.set": record({"name": own_ids, "value": jsons}, {"stepId": ids, "nodeId": ids}),
}

SMS_PAYLOADS: dict[str, Strategy] = {
    "sms.requested": record(
        {"smsId": own_ids, "from": texts, "to": texts, "body": texts},
        {
            "contactId": ids,
            "attempt": ordinals,
            "nodeId": ids,
            "stepId": ids,
            "parts": uints,
            "programId": ids,
            "variables": objects,
        },
    ),
    "sms.sent": record({"smsId": own_ids}, {"providerMessageId": texts}),
    "sms.delivered": record({"smsId": own_ids}, {}),
    "sms.failed": record({"smsId": own_ids}, {"error": texts}),
}
