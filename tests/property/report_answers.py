"""Answers of the program reports from the rows and tallies of a `FoldedDatabase`.

It picks rows as the queries in `shared/storage/sql` do and hands them to `shared/reports`; the
laws compare the answers with the reference model's.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from shared.contracts.event_types import Kind
from shared.contracts.reference_events import FlowPublishedData
from shared.folds.states import FOLDS
from shared.limits import TOP_COSTLY_CALLS
from shared.projections.attempts import AttemptRow
from shared.reports.billing import BillingRows, ChargeRow, StepRow, TopRow, billing_report
from shared.reports.breakdown import BreakdownRow, breakdown
from shared.reports.call_history import CallHistoryRows, CallRow, call_history
from shared.reports.executions import Execution, read_execution
from shared.reports.main_report import MainReportRows, main_report
from shared.reports.node_stats import DigitRow, NodeRow, NodeStatsRows, node_stats
from shared.reports.published_flows import FlowChoice, flow_choice, flow_name_choice
from tests.property.folded_database import Projection

_Row = tuple[Any, ...]

_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


class ReportAnswers:
    """The reports of one execution, as decoded JSON with exact numbers."""

    def __init__(self, projection: Projection, organization_id: str, execution_id: str) -> None:
        """Look at one execution, known or not."""
        self._projection = projection
        self._owner = (organization_id, execution_id)
        state = projection.states.get((Kind.EXECUTION, organization_id, execution_id))
        decode = FOLDS[Kind.EXECUTION].decode
        self._execution: Execution = read_execution(None if state is None else decode(state))
        self.known = state is not None or bool(list(self._rows("execution_mentions")))

    def report(self, now_us: int) -> Any:
        """Answer `…/report`."""
        attempts = list(self._rows("attempt_tallies"))
        flow = self._flow(flow_name_choice(self._execution))
        rows = MainReportRows(
            contacts=dict(self._rows("contact_tallies")),
            calls=[(row[2], row[3], row[4]) for row in attempts if row[0] == "call"],
            cost=self._cost(),
            billable=self._billable(),
        )
        return exact(main_report(*self._owner, self._execution, flow, rows, now_us))

    def breakdown(self) -> Any:
        """Answer `…/report/breakdown`."""
        rows = [
            BreakdownRow(*row[1:7])
            for row in sorted(self._rows("attempt_tallies"))
            if row[0] == "call"
        ]
        return exact(breakdown(rows))

    def node_stats(self) -> Any:
        """Answer `…/report/node-stats`."""
        counted = [r for r in self._rows("attempt_tallies") if r[0] in {"call", "run"}]
        digits = list(self._rows("digit_tallies"))
        of_nodes = {node: sum(r[2] for r in digits if r[0] == node) for node, *_ in digits}
        rows = NodeStatsRows(
            nodes=[NodeRow(*row[:4]) for row in self._rows("node_tallies")],
            digits=[DigitRow(node, text, n, of_nodes[node]) for node, text, n in digits],
            calls=sum(row[3] for row in counted),
            flow_completed=sum(row[4] for row in counted),
        )
        return exact(node_stats(self._flow(flow_choice(self._execution)), rows))

    def billing(self) -> Any:
        """Answer `…/report/billing`."""
        rows = BillingRows(
            cost=self._cost(),
            billable=self._billable(),
            charges=[
                ChargeRow(node_type, node_id, component, charges, from_nano(nano), *durations)
                for node_type, node_id, component, charges, nano, *durations in (
                    self._rows("cost_tallies")
                )
            ],
            steps=[StepRow(*row[:2], *row[3:]) for row in self._rows("node_tallies")],
            top=self._dearest(),
        )
        flow = self._flow(flow_choice(self._execution))
        return exact(billing_report(self._owner[1], flow, rows))

    def calls(self) -> Any:
        """Answer `…/report/calls` with all of them on one page."""
        calls = [
            CallRow(
                subject,
                row.contact_id,
                row.from_number,
                row.to_number,
                row.direction,
                row.attempt,
                row.status or "",
                row.outcome,
                row.started_us,
                row.ended_us,
                row.duration_ms,
                row.total_cost,
            )
            for subject, row in self._attempts()
            if row.kind == "call"
        ]
        calls.sort(key=lambda call: (call.started_us, call.call_id))
        return exact(call_history(CallHistoryRows(len(calls), calls), 1, 100))

    def _rows(self, tally: str) -> Iterator[_Row]:
        """The rows of this execution, without the owner."""
        for key, numbers in self._projection.tallies.get(tally, {}).items():
            if key[:2] == self._owner:
                yield (*key[2:], *numbers)

    def _attempts(self) -> Iterator[tuple[str, AttemptRow]]:
        for (kind, organization_id, subject), columns in self._projection.columns.items():
            if kind == Kind.ATTEMPT and (organization_id, columns[1]) == self._owner:
                yield subject, AttemptRow(*columns)

    def _dearest(self) -> list[TopRow]:
        dear = [
            TopRow(subject, row.contact_id, row.total_cost, row.duration_ms)
            for subject, row in self._attempts()
            if row.total_cost is not None and row.total_cost > 0
        ]
        dear.sort(key=lambda row: (-row.cost, row.attempt_id))
        return dear[:TOP_COSTLY_CALLS]

    def _cost(self) -> Decimal:
        return from_nano(sum(row[8] for row in self._rows("attempt_tallies")))

    def _billable(self) -> int:
        return sum(row[7] for row in self._rows("attempt_tallies"))

    def _flow(self, choice: FlowChoice) -> FlowPublishedData | None:
        """The published flow, chosen as `published_flow.sql` does."""
        versions = {
            version: published
            for (organization_id, flow_id, version), published in (
                self._projection.flow_versions.items()
            )
            if (organization_id, flow_id) == (self._owner[0], choice.flow_id)
        }
        by_start = [
            version
            for version, (published_us, _) in versions.items()
            if choice.started_us is not None and published_us <= choice.started_us
        ]
        version = choice.flow_version
        if version is None:
            version = max(by_start) if by_start else min(versions, default=None)
        if version is None or version not in versions:
            return None
        return msgspec.json.decode(versions[version][1], type=FlowPublishedData)


def from_nano(nano: int) -> Decimal:
    """Billionths as the numeric that the database holds."""
    return Decimal(nano) / 10**9


def exact(answer: msgspec.Struct) -> Any:
    """An answer as a client reads it: keys in order, numbers exact."""
    return _decode_exact(msgspec.json.encode(answer))
