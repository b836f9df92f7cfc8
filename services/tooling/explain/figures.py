"""The figures of a program execution's reports that are made of attempts or contacts, by name.

A name is the path of the report's JSON; what is not in the main report begins with the report.
Each figure says what it is made of: selections of contributions, and how they make the figure.
Pure; `explaining` in storage reads what the selections add up to.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from shared.contracts.amounts import nano_decimal
from shared.reports.arithmetic import average_amount, average_ms, rate
from shared.reports.billing import BillingRows, charged_type
from shared.reports.node_stats import OTHER_INPUT
from shared.reports.published_flows import (
    UNKNOWN_TYPE,
    OwnType,
    node_types,
    nodes_in_graph_order,
)
from shared.storage.explaining import (
    Attempts,
    Contacts,
    Costs,
    Digits,
    Nodes,
    Selection,
)
from shared.storage.report_reading import ReportRows, answered

Number = int | Decimal
#: From the sums of the parts to the figure.
Combine = Callable[[Sequence[Number]], Number]


class Part(NamedTuple):
    """One sum of contributions."""

    name: str
    selection: Selection

    @property
    def is_money(self) -> bool:
        """Whether its sums are billionths."""
        return getattr(self.selection, "measure", None) == "cost"

    def amount(self, total: int) -> Number:
        """A sum of contributions as the reports say it."""
        return nano_decimal(total) if self.is_money else total


class Figure(NamedTuple):
    """One figure as the report serves it, and what it is made of."""

    name: str
    #: None where the report says null: nothing adds to it.
    value: Number | None
    parts: tuple[Part, ...]
    combine: Combine


_CALL: Final = ("call",)
_CALLS_AND_RUNS: Final = ("call", "run")
_EVERYTHING: Final = ("call", "run", "sms")
_CONNECTED: Final = ("completed", "voicemail")
#: Calls by history status; None is every call (reports.md, Call metrics).
_STATUSES: Final[dict[str, tuple[str, ...] | None]] = {
    "totalCalls": None,
    "connected": _CONNECTED,
    "answered": ("completed",),
    "voicemail": ("voicemail",),
    "noAnswer": ("no_answer",),
    "busy": ("busy",),
    "rejected": ("rejected",),
    "failed": ("failed",),
}
_CONTACT_STATUSES: Final = (
    "pending", "queued", "calling", "pendingRetry", "completed", "failed", "skipped"
)  # fmt: skip
#: The same in the breakdown, whose `callsFailed` is more.
_BREAKDOWN: Final[dict[str, tuple[str, ...] | None]] = {
    "callsAttempted": None,
    "callsConnected": _CONNECTED,
    "callsAnswered": ("completed",),
    "callsVoicemail": ("voicemail",),
    "callsNoAnswer": ("no_answer",),
    "callsFailed": ("busy", "rejected", "failed"),
}
_BREAKDOWN_RATES: Final = {
    "connectedPercentage": "callsConnected",
    "answeredPercentage": "callsAnswered",
    "voicemailPercentage": "callsVoicemail",
    "noAnswerPercentage": "callsNoAnswer",
}


def all_figures(organization_id: str, execution_id: str, rows: ReportRows) -> dict[str, Figure]:
    """Every figure that can be explained, in the order of the reports."""
    reports = answered(organization_id, execution_id, rows, 0)
    main, billing = _served(reports.main), _served(reports.billing)
    figures = [
        *_contact_metrics(main["contactMetrics"]),
        *_call_metrics(main["callMetrics"]),
        *_summary("billingMetrics", main["billingMetrics"]),
        *_breakdown(_served(reports.breakdown)),
        *_node_stats(_served(reports.node_stats)),
        *_summary("billing.summary", billing["summary"]),
        *_by_node_type(billing, rows),
        *_costly(billing),
    ]
    return {figure.name: figure for figure in figures}


def other_name(name: str) -> str:
    """`nodes.menu.dtmfBreakdown.1`, as the report has it, is called `dtmf.menu.1` here."""
    if name.startswith("nodes.") and ".dtmfBreakdown." in name:
        node_id, _, digits = name.removeprefix("nodes.").rpartition(".dtmfBreakdown.")
        return f"dtmf.{node_id}.{digits}"
    return name


def _served(report: msgspec.Struct) -> dict[str, Any]:
    """A report as it leaves; decimals exact."""
    served: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(
        msgspec.json.encode(report)
    )
    return served


def _sum(name: str, value: Number | None, part: str, selection: Selection) -> Figure:
    return Figure(name, value, (Part(part, selection),), lambda sums: sums[0])


def _rate(name: str, value: Number, part: Part, whole: Part) -> Figure:
    return Figure(
        name, value, (part, whole), lambda sums: Decimal(str(rate(int(sums[0]), int(sums[1]))))
    )


def _contact_metrics(metrics: Mapping[str, Any]) -> Iterator[Figure]:
    base = "contactMetrics"
    everyone = Contacts()
    yield _sum(f"{base}.totalContacts", metrics["totalContacts"], "contacts", everyone)
    for status in _CONTACT_STATUSES:
        yield _sum(f"{base}.{status}", metrics[status], "contacts", Contacts((status,)))
    reached = Part("completed", Contacts(("completed",)))
    yield _rate(f"{base}.reachRate", metrics["reachRate"], reached, Part("contacts", everyone))


def _call_metrics(metrics: Mapping[str, Any]) -> Iterator[Figure]:
    base = "callMetrics"
    for name, statuses in _STATUSES.items():
        selection = Attempts("attempts", _CALL, statuses)
        yield _sum(f"{base}.{name}", metrics[name], "calls", selection)
    completed = Attempts("flow_completed", _CALL)
    yield _sum(f"{base}.completed", metrics["completed"], "calls", completed)
    calls = Part("totalCalls", Attempts("attempts", _CALL))
    for name, part, statuses in (
        ("connectionRate", "connected", _CONNECTED),
        ("answerRate", "answered", ("completed",)),
    ):
        counted = Part(part, Attempts("attempts", _CALL, statuses))
        yield _rate(f"{base}.{name}", metrics[name], counted, calls)


def _summary(base: str, summary: Mapping[str, Any]) -> Iterator[Figure]:
    cost = Part("totalCreditsUsed", Attempts("cost", _EVERYTHING))
    billable = Part("billableCallsCount", Attempts("billable", _EVERYTHING))
    for part, unit in ((cost, "credits"), (billable, "attempts")):
        yield _sum(f"{base}.{part.name}", summary[part.name], unit, part.selection)
    yield Figure(
        f"{base}.averageCostPerCall",
        summary["averageCostPerCall"],
        (cost, billable),
        lambda sums: average_amount(Decimal(sums[0]), int(sums[1])),
    )


def _breakdown(report: Mapping[str, Any]) -> Iterator[Figure]:
    for row in report["perAttempt"]:
        number = row["attemptNumber"]
        yield from _breakdown_row(f"breakdown.perAttempt.{number}", row, number)
    yield from _breakdown_row("breakdown.total", report["total"], None)


def _breakdown_row(base: str, row: Mapping[str, Any], number: int | None) -> Iterator[Figure]:
    parts = {
        name: Part(name, Attempts("attempts", _CALL, statuses, number))
        for name, statuses in _BREAKDOWN.items()
    }
    parts["callsCompleted"] = Part(
        "callsCompleted", Attempts("flow_completed", _CALL, None, number)
    )
    for name, part in parts.items():
        yield _sum(f"{base}.{name}", row[name], "calls", part.selection)
    for name, of in (_BREAKDOWN_RATES | {"completedPercentage": "callsCompleted"}).items():
        yield _rate(f"{base}.{name}", row[name], parts[of], parts["callsAttempted"])
    yield Figure(
        f"{base}.averageDurationMs",
        row["averageDurationMs"],
        (
            Part("milliseconds", Attempts("duration_ms", _CALL, None, number)),
            Part("calls of known duration", Attempts("durations", _CALL, None, number)),
        ),
        lambda sums: average_ms(int(sums[0]), int(sums[1])),
    )


def _node_stats(report: Mapping[str, Any]) -> Iterator[Figure]:
    calls = Part("totalCalls", Attempts("attempts", _CALLS_AND_RUNS))
    completed = Part("completedCalls", Attempts("flow_completed", _CALLS_AND_RUNS))
    for part in (calls, completed):
        name = f"nodeStats.{part.name}"
        yield _sum(name, report[part.name], "calls and runs", part.selection)
    yield _rate("nodeStats.completionRate", report["completionRate"], completed, calls)
    for node in report["nodes"]:
        node_id = node["nodeId"]
        base = f"nodes.{node_id}"
        reached = Part("uniqueCalls", Nodes("unique_calls", (node_id,)))
        yield _sum(f"{base}.uniqueCalls", node["uniqueCalls"], "calls", reached.selection)
        steps = Nodes("steps", (node_id,))
        yield _sum(f"{base}.totalExecutions", node["totalExecutions"], "steps", steps)
        yield _rate(f"{base}.percentage", node["percentage"], reached, calls)
        yield from _inputs(node_id, node)


def _inputs(node_id: str, node: Mapping[str, Any]) -> Iterator[Figure]:
    """Each input of a node; `other` is what is not listed."""
    steps = node.get("dtmfBreakdown", {})
    listed = tuple(digits for digits in steps if digits != OTHER_INPUT)
    every = Part("steps with digits", Digits(node_id))
    for digits, value in steps.items():
        chosen = Digits(node_id, (digits,))
        if digits == OTHER_INPUT:
            chosen = Digits(node_id, None, listed)
        yield _sum(f"dtmf.{node_id}.{digits}", value, "steps", chosen)
        share = node["dtmfPercentages"][digits]
        name = f"nodes.{node_id}.dtmfPercentages.{digits}"
        yield _rate(name, share, Part("steps", chosen), every)


def _by_node_type(report: Mapping[str, Any], rows: ReportRows) -> Iterator[Figure]:
    types = node_types(
        nodes_in_graph_order(rows.flow),
        (OwnType(row.node_id, row.node_type, row.steps) for row in rows.billing.steps),
    )
    groups = _groups(rows.billing, types)
    ran: dict[str, list[str]] = {}
    for node_id in {row.node_id for row in rows.billing.steps}:
        ran.setdefault(types.get(node_id, UNKNOWN_TYPE), []).append(node_id)
    for row in report["byNodeType"]:
        node_type = row["nodeType"]
        base = f"billing.byNodeType.{node_type}"
        charged = tuple(groups[node_type])
        yield _sum(f"{base}.totalCost", row["totalCost"], "credits", Costs("cost", charged))
        nodes = tuple(sorted(ran.get(node_type, ())))
        # Where a type has no steps, its charges are counted (reports.md, Billing).
        count: Selection = Nodes("steps", nodes) if nodes else Costs("charges", charged)
        took: Selection = Nodes("duration_ms", nodes) if nodes else Costs("duration_ms", charged)
        unit = "steps" if nodes else "charges"
        yield _sum(f"{base}.executionCount", row["executionCount"], unit, count)
        yield _sum(f"{base}.totalDurationMs", row["totalDurationMs"], "milliseconds", took)


def _groups(rows: BillingRows, types: Mapping[str, str]) -> dict[str, list[tuple[str, str, str]]]:
    """The charges that fall under each node type."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows.charges:
        group = (row.node_type, row.node_id, row.component)
        groups.setdefault(charged_type(row, types), []).append(group)
    return groups


def _costly(report: Mapping[str, Any]) -> Iterator[Figure]:
    for call in report["topCostlyCalls"]:
        attempt_id = call["callId"]
        yield _sum(
            f"billing.topCostlyCalls.{attempt_id}.totalCost",
            call["totalCost"],
            "credits",
            Attempts("cost", _EVERYTHING, attempt_id=attempt_id),
        )
