"""The billing report, from rows made by hand."""

from decimal import Decimal
from typing import Any

import msgspec

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.reports.billing import BillingRows, ChargeRow, StepRow, TopRow, billing_report

_FLOW = FlowPublishedData(name="Menu", version=1, nodes=[FlowNode(id="d", type="dial")], edges=[])
_EMPTY = BillingRows(cost=Decimal(0), billable=0, charges=[], steps=[], top=[])


def _billing(**rows: object) -> dict[str, Any]:
    answer = billing_report("spring", _FLOW, msgspec.structs.replace(_EMPTY, **rows))
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


def _types(*charges: ChargeRow, steps: list[StepRow] | None = None) -> list[tuple[Any, ...]]:
    answer = _billing(charges=list(charges), steps=steps or [])
    return [tuple(row.values()) for row in answer["byNodeType"]]


def _charge(node_type: str, node_id: str, component: str, cost: str) -> ChargeRow:
    return ChargeRow(node_type, node_id, component, 1, Decimal(cost), 0, 0)


def test_charge_falls_under_the_first_type_that_is_known() -> None:
    """Said type, type of the node, component, `other` (reports.md, Billing)."""
    assert [
        ("say", 6, 1, None),
        ("dial", 5, 1, None),
        ("llm", 4, 2, None),
        ("play", 3, 4, 70),
        ("other", 2, 2, None),
    ] == _types(
        _charge("say", "d", "llm", "6"),
        _charge("", "d", "llm", "5"),
        _charge("", "nowhere", "llm", "3"),
        _charge("", "", "llm", "1"),
        _charge("", "p", "", "3"),
        _charge("", "untyped", "", "1.5"),
        _charge("", "", "", "0.5"),
        steps=[StepRow("p", "play", 4, 2, 70), StepRow("untyped", "", 1, 1, 5)],
    )


def test_types_follow_cost_then_name() -> None:
    """Negative sums come last; a type stays listed where its charges cancel out."""
    assert ["a", "b", "zero", "minus"] == [
        row[0]
        for row in _types(
            _charge("minus", "", "", "-1"),
            _charge("b", "", "", "2.5"),
            _charge("zero", "", "x", "1"),
            _charge("zero", "", "y", "-1"),
            _charge("a", "", "", "2.50"),
        )
    ]


def test_steps_of_the_type_count_else_its_charges() -> None:
    """Durations are null where none is known, in steps as in charges."""
    charged = ChargeRow("sms", "", "", 3, Decimal("5.661"), 2, 40)
    assert [("sms", 5.661, 3, 40)] == _types(charged)
    assert [("sms", 5.661, 2, None)] == _types(charged, steps=[StepRow("s", "sms", 2, 0, 0)])


def test_huge_sums_stay_exact() -> None:
    """No digit is lost beyond the decimal context's 28."""
    huge = "123456789012345678901234567890.000000001"
    answer = billing_report(
        "spring",
        None,
        msgspec.structs.replace(
            _EMPTY, charges=[_charge("a", "", "", huge), _charge("a", "x", "", "0.000000001")]
        ),
    )
    assert b"123456789012345678901234567890.000000002" in msgspec.json.encode(answer)


def test_dearest_attempts_keep_the_querys_order() -> None:
    """`callId` is the attempt's id, whatever its kind."""
    answer = _billing(
        cost=Decimal(4650),
        billable=4000,
        top=[TopRow("b", "c", Decimal("15.75"), 210_000), TopRow("a", None, Decimal(2), None)],
    )
    assert {
        "totalCreditsUsed": 4650,
        "billableCallsCount": 4000,
        "averageCostPerCall": 1.1625,
    } == answer["summary"]
    assert [
        {"callId": "b", "contactId": "c", "totalCost": 15.75, "durationMs": 210_000},
        {"callId": "a", "contactId": None, "totalCost": 2, "durationMs": None},
    ] == answer["topCostlyCalls"]
