"""The money side of a campaign's truth: sums, the dearest attempts, costs by node type."""

from bisect import insort
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from services.tooling.traffic.figures import average_money, money
from services.tooling.traffic.ledger import AttemptLedger, ChargeTruth
from services.tooling.traffic.tallies import NodeTally, SpanTally

_DEAREST_MAX = 10
_ChargeKey = tuple[str | None, str | None, str | None]


class BillingTruth:
    """What `…/report/billing` must show of the attempts counted so far."""

    def __init__(self) -> None:
        """Nothing has been charged yet."""
        self._total_nano = self._billable_count = 0
        self._cost_nano: dict[_ChargeKey, int] = defaultdict(int)
        self._spans: dict[_ChargeKey, SpanTally] = defaultdict(SpanTally)
        self._dearest: list[tuple[int, str, str | None, int | None]] = []

    def count(self, ledger: AttemptLedger) -> None:
        """The charges of one attempt."""
        sum_nano = 0
        for charge in ledger.charges:
            sum_nano += charge.amount_nano
            self._count_charge(charge)
        self._total_nano += sum_nano
        if sum_nano <= 0:
            return
        self._billable_count += 1
        if len(self._dearest) < _DEAREST_MAX or -sum_nano <= self._dearest[-1][0]:
            duration_ms = ledger.duration_ms if ledger.kind == "call" else None
            # Attempt ids differ, so the order never falls through to keys that may be None.
            insort(self._dearest, (-sum_nano, ledger.attempt_id, ledger.contact_id, duration_ms))
            del self._dearest[_DEAREST_MAX:]

    def summary(self) -> dict[str, Any]:
        """The three totals, in the vendor's key order."""
        return {
            "totalCreditsUsed": money(self._total_nano),
            "billableCallsCount": self._billable_count,
            "averageCostPerCall": average_money(self._total_nano, self._billable_count),
        }

    def dearest_rows(self) -> list[dict[str, Any]]:
        """`topCostlyCalls`."""
        return [
            {
                "callId": attempt_id,
                "contactId": contact_id,
                "totalCost": money(-negative_nano),
                "durationMs": duration_ms,
            }
            for negative_nano, attempt_id, contact_id, duration_ms in self._dearest
        ]

    def rows_by_node_type(self, nodes: Mapping[str, NodeTally]) -> list[dict[str, Any]]:
        """`byNodeType`: steps of the type are counted, charges only where it has none."""
        costs_nano: dict[str, int] = defaultdict(int)
        charged: dict[str, SpanTally] = defaultdict(SpanTally)
        for key, span in self._spans.items():
            node_type = _charged_type(nodes, *key)
            costs_nano[node_type] += self._cost_nano[key]
            charged[node_type].merge(span)
        walked: dict[str, SpanTally] = defaultdict(SpanTally)
        for node_id, node in nodes.items():
            walked[node.type_of(node_id)].merge(node.steps)
        ranked = sorted((-cost_nano, node_type) for node_type, cost_nano in costs_nano.items())
        return [
            {
                "nodeType": node_type,
                "totalCost": money(-negative_nano),
                **(walked if node_type in walked else charged)[node_type].billing_keys(),
            }
            for negative_nano, node_type in ranked
        ]

    def _count_charge(self, charge: ChargeTruth) -> None:
        key = (charge.node_type, charge.node_id, charge.component)
        self._cost_nano[key] += charge.amount_nano
        self._spans[key].add(charge.duration_ms)


def _charged_type(
    nodes: Mapping[str, NodeTally],
    node_type: str | None,
    node_id: str | None,
    component: str | None,
) -> str:
    """reports.md, Billing: the type said, else its node's if known, else its component's."""
    if node_type is not None:
        return node_type
    if node_id is not None:
        found = nodes.get(node_id, NodeTally()).type_of(node_id)
        if found != "unknown":
            return found
    return component or "other"
