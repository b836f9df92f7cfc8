"""The figures that the reports of a simulated campaign must show, counted while it is decided."""

from collections import Counter, defaultdict
from typing import Any

from services.tooling.traffic.billing_truth import BillingTruth
from services.tooling.traffic.figures import percentage
from services.tooling.traffic.flow import GRAPH_ORDER, NODE_BY_ID
from services.tooling.traffic.ledger import AttemptLedger
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.tallies import CallTally, NodeTally, shortened

_CONTACT_STATUSES = (
    *("pending", "queued", "calling", "pendingRetry"),
    *("completed", "failed", "skipped"),
)


class CampaignTruth:
    """Counters only, whatever the size of the campaign; never a fold of its events.

    The four reports are JSON-ready in the vendor's key order, with money and rates as Decimal.
    """

    def __init__(self, plan: CampaignPlan) -> None:
        """Nothing has happened yet."""
        self._plan = plan
        self._contacts: Counter[str] = Counter()
        self._calls_by_attempt: dict[int, CallTally] = defaultdict(CallTally)
        self._nodes: dict[str, NodeTally] = defaultdict(NodeTally)
        self._billing = BillingTruth()
        self._walked_count = self._walks_completed_count = 0

    def count_contact(self, status: str) -> None:
        """A contact whose last status event says this."""
        self._contacts[status] += 1

    def count_attempt(self, ledger: AttemptLedger) -> None:
        """An attempt, complete with all that will ever be said of it."""
        if ledger.kind == "call":
            self._calls_by_attempt[ledger.attempt_number].add(ledger)
        if ledger.kind != "sms":
            self._walked_count += 1
            self._walks_completed_count += ledger.flow_outcome == "completed"
        self._count_steps(ledger)
        self._billing.count(ledger)

    def report(self) -> dict[str, Any]:
        """The three metrics of `…/report`."""
        totals = self._all_calls()
        contacts_count = self._contacts.total()
        statuses = totals.statuses
        return {
            "contactMetrics": {
                "totalContacts": contacts_count,
                **{status: self._contacts[status] for status in _CONTACT_STATUSES},
                "reachRate": percentage(self._contacts["completed"], contacts_count),
            },
            "callMetrics": {
                "totalCalls": totals.calls_count,
                "connected": totals.connected_count,
                "answered": statuses["completed"],
                "voicemail": statuses["voicemail"],
                "noAnswer": statuses["no_answer"],
                "busy": statuses["busy"],
                "rejected": statuses["rejected"],
                "failed": statuses["failed"],
                "completed": totals.completed_count,
                "connectionRate": percentage(totals.connected_count, totals.calls_count),
                "answerRate": percentage(statuses["completed"], totals.calls_count),
            },
            "billingMetrics": self._billing.summary(),
        }

    def breakdown(self) -> dict[str, Any]:
        """The body of `…/report/breakdown`."""
        rows = sorted(self._calls_by_attempt.items())
        return {
            "perAttempt": [tally.row(attempt_number) for attempt_number, tally in rows],
            "total": self._all_calls().row(0),
        }

    def node_stats(self) -> dict[str, Any]:
        """The body of `…/report/node-stats`."""
        unpublished = sorted(node_id for node_id in self._nodes if node_id not in NODE_BY_ID)
        return {
            "nodes": [
                self._nodes.get(node_id, NodeTally()).row(node_id, self._walked_count)
                for node_id in (*GRAPH_ORDER, *unpublished)
            ],
            "totalCalls": self._walked_count,
            "completedCalls": self._walks_completed_count,
            "completionRate": percentage(self._walks_completed_count, self._walked_count),
        }

    def billing(self) -> dict[str, Any]:
        """The body of `…/report/billing`."""
        return {
            "executionId": self._plan.execution_id,
            "summary": self._billing.summary(),
            "byNodeType": self._billing.rows_by_node_type(self._nodes),
            "topCostlyCalls": self._billing.dearest_rows(),
        }

    def _count_steps(self, ledger: AttemptLedger) -> None:
        seen: set[str] = set()
        for step in ledger.steps:
            tally = self._nodes[step.node_id]
            tally.steps.add(step.duration_ms)
            if step.node_id not in seen:
                seen.add(step.node_id)
                tally.calls_count += 1
            if step.own_type is not None:
                tally.own_types[step.own_type] += 1
        for node_id, digits in ledger.digits:
            self._nodes[node_id].digits[shortened(digits)] += 1

    def _all_calls(self) -> CallTally:
        totals = CallTally()
        for tally in self._calls_by_attempt.values():
            totals.merge(tally)
        return totals
