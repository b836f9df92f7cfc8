"""Answers of the call, campaign and workflow interfaces from the rows of a `FoldedDatabase`.

It picks rows as the statements in `shared/storage/sql` do and hands them to `shared/reports`; the
laws compare the answers with the reference model's.
"""

from typing import Any

import msgspec

from shared.contracts.event_types import Kind
from shared.contracts.reference_events import FlowPublishedData
from shared.folds.states import FOLDS
from shared.projections.attempts import AttemptRow, attempt_row
from shared.projections.subjects import ContactRow, ExecutionRow
from shared.reports.call_execution import CallRow, call_execution
from shared.reports.campaign_executions import ItemRow, campaign_execution
from shared.reports.executions import Execution, read_execution
from shared.reports.flow_runs import FlowRun, PublishedVersion, chosen_version, run_flow_choice
from shared.reports.published_flows import FlowChoice, OwnType
from shared.reports.workflow_execution import workflow_execution
from tests.property.folded_database import Projection
from tests.property.report_answers import exact

_decode_flow = msgspec.json.Decoder(FlowPublishedData).decode
_decode_execution = FOLDS[Kind.EXECUTION].decode
_decode_attempt = FOLDS[Kind.ATTEMPT].decode


class InterfaceAnswers:
    """What one organization's clients of each interface read, as JSON with exact numbers."""

    def __init__(self, projection: Projection, organization_id: str) -> None:
        """Look at one organization."""
        self._projection = projection
        self._organization_id = organization_id

    def attempt_ids(self) -> list[str]:
        """Every attempt."""
        return [
            subject
            for kind, organization_id, subject in self._projection.columns
            if kind == Kind.ATTEMPT and organization_id == self._organization_id
        ]

    def call(self, attempt_id: str) -> Any:
        """Answer `/executions/{execution_id}`; None for what is no call."""
        row = self._row(attempt_id)
        if row.kind != "call":
            return None
        state = self._state(Kind.ATTEMPT, attempt_id)
        columns = self._columns(Kind.EXECUTION, row.execution_id)
        execution = None if columns is None else ExecutionRow(*columns)
        return exact(call_execution(CallRow(attempt_id, state, execution)))

    def item(self, attempt_id: str) -> Any:
        """The attempt as an item of a campaign; None for a run."""
        row = self._row(attempt_id)
        if row.kind == "run":
            return None
        columns = self._columns(Kind.CONTACT, row.contact_id) or (None,) * 4
        first_name, last_name, phone, _ = ContactRow(*columns)
        item = ItemRow(
            executed_us=row.started_us,
            number=row.number,
            attempt_id=attempt_id,
            kind=row.kind,
            status=row.campaign_status,
            to_number=row.to_number,
            duration_ms=row.duration_ms,
            outcome=row.outcome,
            state=self._state(Kind.ATTEMPT, attempt_id),
            execution_id=row.execution_id,
            contact_id=row.contact_id,
            first_name=first_name,
            last_name=last_name,
            phone=phone,
            contact_state=self._state(Kind.CONTACT, row.contact_id or ""),
        )
        return exact(campaign_execution(item))

    def run(self, attempt_id: str) -> tuple[str | None, Any]:
        """The flow of a call or a run, and the answer about it; None for a lone SMS."""
        state = _decode_attempt(self._state(Kind.ATTEMPT, attempt_id))
        row = attempt_row(attempt_id, state)
        encoded = self._state(Kind.EXECUTION, row.execution_id or "")
        execution: Execution = read_execution(encoded and _decode_execution(encoded))
        choice = run_flow_choice(state, row, execution)
        if row.kind == "sms" or choice.flow_id is None:
            return None, None
        run = FlowRun(
            attempt_id=attempt_id,
            state=state,
            row=row,
            execution=execution,
            choice=choice,
            flow=self._flow(choice),
            own_types=self._own_types(row.execution_id),
        )
        return choice.flow_id, exact(workflow_execution(run))

    def _row(self, attempt_id: str) -> AttemptRow:
        return AttemptRow(*(self._columns(Kind.ATTEMPT, attempt_id) or ()))

    def _columns(self, kind: Kind, subject: str | None) -> tuple[Any, ...] | None:
        return self._projection.columns.get((kind, self._organization_id, subject or ""))

    def _state(self, kind: Kind, subject: str) -> Any:
        return self._projection.states.get((kind, self._organization_id, subject))

    def _flow(self, choice: FlowChoice) -> FlowPublishedData | None:
        flows = {
            version: (published_us, _decode_flow(text))
            for (owner, flow_id, version), (published_us, text) in (
                self._projection.flow_versions.items()
            )
            if (owner, flow_id) == (self._organization_id, choice.flow_id)
        }
        published = [
            PublishedVersion(version, at_us, flow.version_id, flow.name)
            for version, (at_us, flow) in flows.items()
        ]
        chosen = chosen_version(choice, published)
        return None if chosen is None else flows[chosen.version][1]

    def _own_types(self, execution_id: str | None) -> list[OwnType]:
        return [
            OwnType(key[2], key[3], numbers[1])
            for key, numbers in self._projection.tallies.get("node_tallies", {}).items()
            if key[:2] == (self._organization_id, execution_id)
        ]
