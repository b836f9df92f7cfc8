"""The five reports of a program execution, with one call where the vendor's example has 25.

Contacts, calls, steps and money are the example's divided by 25, so every rate and average is its
own. `DECIDED` names by report what it cannot be: the printed documents contradict one another.
"""

from typing import Any

from tests.seed_documents import ORGANIZATION, Event
from tests.seed_documents.campaign_of_calls import (
    AUDIENCE,
    EVENTS,
    EXECUTION_ID,
    FIRST,
    FIRST_CONTACT,
    FLOW,
    MISSED,
    MISSED_CONTACT,
    NODES,
    POOL,
    PROGRAM,
    RECORD_MS,
    STRATEGY,
    WINDOWS,
)

__all__ = ["BY_CLOCK", "DECIDED", "EVENTS", "EXAMPLES", "PATH"]

PATH = f"/program-execution/{EXECUTION_ID}/report"


def _node(node: dict[str, str], unique: int, total: int, percentage: float) -> dict[str, Any]:
    return {
        "nodeId": node["id"],
        "nodeType": node["type"],
        "nodeLabel": node["label"],
        "uniqueCalls": unique,
        "totalExecutions": total,
        "percentage": percentage,
    }


def _row(attempt: int, counts: tuple[int, ...], rates: tuple[float, ...], ms: int) -> Event:
    names = ("Connected", "Answered", "Voicemail", "NoAnswer", "Failed", "Completed")
    rated = ("connected", "answered", "voicemail", "noAnswer", "completed")
    return {
        "attemptNumber": attempt,
        "callsAttempted": counts[0],
        **{f"calls{name}": count for name, count in zip(names, counts[1:], strict=True)},
        **{f"{name}Percentage": rate for name, rate in zip(rated, rates, strict=True)},
        "averageDurationMs": ms,
    }


_BILLING_SUMMARY = {
    "totalCreditsUsed": 186,
    "billableCallsCount": 160,
    "averageCostPerCall": 1.1625,
}
#: What follows `report`, and the document.
EXAMPLES: dict[str, dict[str, Any]] = {
    "": {
        "executionId": EXECUTION_ID,
        "programId": PROGRAM,
        "organizationId": ORGANIZATION,
        "status": "running",
        "effectiveStatus": "paused_window",
        "isInPauseWindow": True,
        "scheduledStartAt": "2025-12-20T09:00:00.000Z",
        "scheduledStopAt": "2025-12-20T18:00:00.000Z",
        "actualStartAt": "2025-12-20T09:00:05.000Z",
        "durationMs": 14_400_000,
        "metadata": {
            "flowId": FLOW,
            "flowName": "Holiday Campaign Flow",
            "audienceId": AUDIENCE,
            "didPool": POOL,
            "retryStrategy": STRATEGY,
            "pauseWindows": WINDOWS,
        },
        "contactMetrics": {
            "totalContacts": 200,
            "pending": 40,
            "queued": 2,
            "calling": 1,
            "pendingRetry": 8,
            "completed": 140,
            "failed": 8,
            "skipped": 1,
            "reachRate": 70,
        },
        "callMetrics": {
            "totalCalls": 248,
            "connected": 160,
            "answered": 140,
            "voicemail": 20,
            "noAnswer": 60,
            "busy": 16,
            "rejected": 4,
            "failed": 8,
            "completed": 128,
            "connectionRate": 64.52,
            "answerRate": 56.45,
        },
        "billingMetrics": _BILLING_SUMMARY,
    },
    "/calls?page=1&limit=2": {
        "data": [
            {
                "callId": FIRST,
                "contactId": FIRST_CONTACT,
                "from": POOL[0],
                "to": "+212612345678",
                "direction": "outbound",
                "attempt": 1,
                "status": "completed",
                "outcome": "completed",
                "startedAt": "2025-12-20T09:15:00.000Z",
                "endedAt": "2025-12-20T09:15:45.000Z",
                "durationMs": 45_000,
                "totalCost": 3.375,
            },
            {
                "callId": MISSED,
                "contactId": MISSED_CONTACT,
                "from": POOL[1],
                "to": "+212698765432",
                "direction": "outbound",
                "attempt": 2,
                "status": "no_answer",
                "outcome": "no_answer",
                "startedAt": "2025-12-20T09:45:00.000Z",
                "endedAt": "2025-12-20T09:45:30.000Z",
            },
        ],
        "meta": {"page": 1, "limit": 2, "total": 248, "totalPages": 124},
    },
    "/breakdown": {
        "perAttempt": [
            _row(1, (200, 128, 112, 16, 48, 24, 100), (64, 56, 8, 24, 50), 42_000),
            _row(2, (48, 32, 28, 4, 12, 4, 26), (66.67, 58.33, 8.33, 25, 54.17), 38_000),
        ],
        "total": _row(
            0, (248, 160, 140, 20, 60, 28, 126), (64.52, 56.45, 8.06, 24.19, 50.81), 40_500
        ),
    },
    "/node-stats": {
        "nodes": [
            _node(NODES[0], 248, 248, 100),
            _node(NODES[1], 160, 160, 64.52),
            {
                **_node(NODES[2], 152, 168, 61.29),
                "dtmfBreakdown": {"1": 80, "2": 48, "3": 24},
                "dtmfPercentages": {"1": 52.63, "2": 31.58, "3": 15.79},
            },
            _node(NODES[3], 80, 80, 32.26),
            _node(NODES[4], 140, 140, 56.45),
        ],
        "totalCalls": 248,
        "completedCalls": 140,
        "completionRate": 56.45,
    },
    "/billing": {
        "executionId": EXECUTION_ID,
        "summary": _BILLING_SUMMARY,
        "byNodeType": [
            {
                "nodeType": "dial",
                "totalCost": 180,
                "executionCount": 248,
                "totalDurationMs": 7_440_000,
            },
            {
                "nodeType": "record",
                "totalCost": 6,
                "executionCount": 20,
                "totalDurationMs": RECORD_MS,
            },
        ],
        "topCostlyCalls": [
            {
                "callId": FIRST,
                "contactId": FIRST_CONTACT,
                "totalCost": 15.75,
                "durationMs": 210_000,
            },
            {
                "callId": MISSED,
                "contactId": MISSED_CONTACT,
                "totalCost": 12.30,
                "durationMs": 164_000,
            },
        ],
    },
}

#: Where the only window is on Mondays but the day a Saturday, the clock decides.
BY_CLOCK = ("effectiveStatus", "isInPauseWindow", "durationMs")

#: Flows that completed are one number, in each report: that of the rows by attempt.
DECIDED: dict[str, dict[str, Any]] = {
    "": {"callMetrics.completed": 126},
    # Over the calls that have a duration, not between the rows.
    "/breakdown": {"total.averageDurationMs": 41_200},
    "/node-stats": {"completedCalls": 126, "completionRate": 50.81},
    # The dearest are ten, and cost what the call history says; nobody answered the second.
    "/billing": {
        "topCostlyCalls": [
            {
                "callId": FIRST,
                "contactId": FIRST_CONTACT,
                "totalCost": 3.375,
                "durationMs": 45_000,
            },
            {
                "callId": "call 1 completed 1",
                "contactId": "1",
                "totalCost": 2.825,
                "durationMs": 39_000,
            },
            *(
                {
                    "callId": f"call 1 completed {number}",
                    "contactId": f"{number}",
                    "totalCost": 1.4,
                    "durationMs": 42_000,
                }
                for number in (10, 11, 12, 13, 14, 15, 16, 17)
            ),
        ]
    },
}
