"""Counters of the truth: per attempt number, per node, per kind of charge."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.tooling.traffic.figures import average_ms, percentage
from services.tooling.traffic.flow import NODE_BY_ID
from services.tooling.traffic.ledger import AttemptLedger

#: An outcome's history status where it is not the outcome itself (reports.md, Call metrics).
_SHOWN_AS = {None: "ongoing", "cancelled": "failed", "no_credits": "failed"}
_DIGITS_CHARACTERS_MAX = 4
_DIGITS_SHOWN_MAX = 50
_OTHER = "other"


@dataclass(slots=True)
class SpanTally:
    """Things that may have a duration: calls, steps, charges."""

    things_count: int = 0
    timed_count: int = 0
    duration_total_ms: int = 0

    def add(self, duration_ms: int | None) -> None:
        """Count one; None where its duration is unknown."""
        self.things_count += 1
        if duration_ms is not None:
            self.timed_count += 1
            self.duration_total_ms += duration_ms

    def merge(self, other: "SpanTally") -> None:
        """Count all that the other has counted."""
        self.things_count += other.things_count
        self.timed_count += other.timed_count
        self.duration_total_ms += other.duration_total_ms

    def billing_keys(self) -> dict[str, Any]:
        """The two keys of a billing row; the total is null where no duration is known."""
        total_ms = self.duration_total_ms if self.timed_count else None
        return {"executionCount": self.things_count, "totalDurationMs": total_ms}


@dataclass(slots=True)
class CallTally:
    """Calls of one attempt number, or of all."""

    completed_count: int = 0
    calls: SpanTally = field(default_factory=SpanTally)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, ledger: AttemptLedger) -> None:
        """Count one call."""
        self.calls.add(ledger.duration_ms)
        self.completed_count += ledger.flow_outcome == "completed"
        self.statuses[_SHOWN_AS.get(ledger.outcome) or str(ledger.outcome)] += 1

    def merge(self, other: "CallTally") -> None:
        """Count all that the other has counted."""
        self.completed_count += other.completed_count
        self.calls.merge(other.calls)
        self.statuses.update(other.statuses)

    @property
    def calls_count(self) -> int:
        """Calls in progress too."""
        return self.calls.things_count

    @property
    def connected_count(self) -> int:
        """Human or machine: any pick-up."""
        return self.statuses["completed"] + self.statuses["voicemail"]

    def row(self, attempt_number: int) -> dict[str, Any]:
        """The row of the breakdown, in the vendor's key order."""
        statuses = self.statuses
        counts = {
            "connected": self.connected_count,
            "answered": statuses["completed"],
            "voicemail": statuses["voicemail"],
            "noAnswer": statuses["no_answer"],
            "failed": statuses["busy"] + statuses["rejected"] + statuses["failed"],
            "completed": self.completed_count,
        }
        return {
            "attemptNumber": attempt_number,
            "callsAttempted": self.calls_count,
            **{f"calls{name[0].upper()}{name[1:]}": count for name, count in counts.items()},
            **{
                f"{name}Percentage": percentage(count, self.calls_count)
                for name, count in counts.items()
                if name != "failed"
            },
            "averageDurationMs": average_ms(self.calls.duration_total_ms, self.calls.timed_count),
        }


@dataclass(slots=True)
class NodeTally:
    """Steps of one node in calls and runs."""

    calls_count: int = 0
    steps: SpanTally = field(default_factory=SpanTally)
    own_types: Counter[str] = field(default_factory=Counter)
    digits: Counter[str] = field(default_factory=Counter)

    def type_of(self, node_id: str) -> str:
        """As published, else as most steps say, else `unknown` (events.md, Flow run and nodes)."""
        node = NODE_BY_ID.get(node_id)
        if node is not None:
            return node.node_type
        return min(
            self.own_types, key=lambda name: (-self.own_types[name], name), default="unknown"
        )

    def row(self, node_id: str, calls_total: int) -> dict[str, Any]:
        """The row of the node stats, in the vendor's key order."""
        node = NODE_BY_ID.get(node_id)
        row: dict[str, Any] = {"nodeId": node_id, "nodeType": self.type_of(node_id)}
        if node is not None and node.label is not None:
            row["nodeLabel"] = node.label
        row["uniqueCalls"] = self.calls_count
        row["totalExecutions"] = self.steps.things_count
        row["percentage"] = percentage(self.calls_count, calls_total)
        if row["nodeType"] == "dtmf":
            shown = _shown_digits(self.digits)
            inputs_total = sum(shown.values())
            row["dtmfBreakdown"] = shown
            row["dtmfPercentages"] = {
                digits: percentage(count, inputs_total) for digits, count in shown.items()
            }
        return row


def shortened(digits: str) -> str:
    """The text under which an input counts: long ones are account numbers and show nowhere."""
    return digits if len(digits) <= _DIGITS_CHARACTERS_MAX else _OTHER


def _shown_digits(digits: Counter[str]) -> dict[str, int]:
    """The 50 most frequent inputs, at a tie the smaller text first; the rest as `other`."""
    ranked = sorted((-count, text) for text, count in digits.items() if text != _OTHER)
    shown = {text: -count for count, text in ranked[:_DIGITS_SHOWN_MAX]}
    other_count = digits[_OTHER] - sum(count for count, _ in ranked[_DIGITS_SHOWN_MAX:])
    return {**shown, _OTHER: other_count} if other_count else shown
