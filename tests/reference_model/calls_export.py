"""The calls export as rows of plain cells: `GET …/report/calls/export`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.reference_model.attempts import Attempt
from tests.reference_model.event_set import (
    Event,
    earliest_at,
    select,
    winner,
    winners_by,
    winning_data,
)
from tests.reference_model.executions import Execution
from tests.reference_model.flows import Node, nodes_in_graph_order
from tests.reference_model.organizations import Organization
from tests.reference_model.steps import Step
from tests.reference_model.times import format_instant

Cells = list[Any]

FIXED_COLUMNS = (
    "Call ID",
    "Contact ID",
    "First Name",
    "Last Name",
    "Phone",
    "Email",
    "From",
    "To",
    "Direction",
    "Attempt",
    "Status",
    "Outcome",
    "Flow Outcome",
    "Started At",
    "Answered At",
    "Ended At",
    "Duration (ms)",
    "Total Cost",
)
_NOBODY: dict[str, Any] = {
    **dict.fromkeys(("firstName", "lastName", "phone", "email")),
    "attributes": {},
}


@dataclass(frozen=True)
class Visit:
    """One call at one node: the last step there, None where the call never came by."""

    call: Attempt
    node: Node
    step: Step | None
    attributes: dict[str, Any]

    def result(self) -> Any:
        """The output that the step took."""
        return self.step.exit.get("output") if self.step else None

    def digits(self) -> Any:
        """What was pressed in the step."""
        return self.step.digits if self.step else None

    def said_here(self, type_: str, key: str) -> list[Event]:
        """What was said last of each thing under the key, where that names the step or node."""
        return [
            event
            for event in winners_by(select(self.call.events, type_), key)
            if self._is_step(event.data.get("stepId"), event.data.get("nodeId"))
        ]

    def _is_step(self, step_id: str | None, node_id: str | None) -> bool:
        if step_id is not None and self.step is not None:
            return step_id == self.step.id
        return step_id is None and node_id == self.node["id"]

    def recording_id(self) -> Any:
        """The latest recording made here."""
        return winning_data(self.said_here("call.recorded", "recordingId")).get("recordingId")

    def transcription(self) -> Any:
        """The text of that recording."""
        texts = select(self.call.events, "call.recording_transcribed")
        own = [event for event in texts if event.data["recordingId"] == self.recording_id()]
        return winning_data(own).get("text")

    def message(self) -> dict[str, Any]:
        """The latest message asked for here."""
        return winning_data(self.said_here("sms.requested", "smsId"))

    def message_status(self) -> Any:
        """How far that message came."""
        message = self.message()
        if not message:
            return None
        events = select(self.call.events, "sms.sent", "sms.delivered", "sms.failed")
        won = winner([event for event in events if event.data["smsId"] == message["smsId"]])
        return won.type.removeprefix("sms.") if won else "queued"

    def attribute(self) -> Any:
        """The attribute that the node updates."""
        return self.node.get("config", {}).get("attributeName")

    def variable(self) -> Any:
        """The value that the flow ended with, else the last that was set here."""
        won = winning_data(self.said_here("variable.set", "name"))
        return won.get("value")


_RESULT: dict[str, Callable[[Visit], Any]] = {"Result": Visit.result}
_RECORDING: dict[str, Callable[[Visit], Any]] = {
    **_RESULT,
    "Recording ID": Visit.recording_id,
    "Transcription": Visit.transcription,
}
_COLUMNS: dict[str, dict[str, Callable[[Visit], Any]]] = {
    "dial": _RESULT,
    "play": _RESULT,
    "say": _RESULT,
    "condition": _RESULT,
    "dtmf": {"Input": Visit.digits, "Branch": Visit.result},
    "collect_audio": _RECORDING,
    "record": _RECORDING,
    "sms": {
        "Status": Visit.message_status,
        "Message": lambda visit: visit.message().get("body"),
        "Parts": lambda visit: visit.message().get("parts"),
    },
    "update_contact": {
        "Attribute": Visit.attribute,
        "Current Value": lambda visit: visit.attributes.get(visit.attribute()),
    },
    "set_variable": {"Value": Visit.variable},
}


def calls_export(organization: Organization, execution: Execution) -> list[Cells]:
    """Rows, the header first."""
    attributes = _defined_attributes(organization)
    nodes = [node for node in nodes_in_graph_order(execution.flow) if node["type"] in _COLUMNS]
    header: Cells = [*FIXED_COLUMNS, *attributes.values()]
    for node in nodes:
        label = node.get("label") or node["id"]
        header += [f"{label}: {column}" for column in _COLUMNS[node["type"]]]
    rows = [_row(organization, call, list(attributes), nodes) for call in execution.calls]
    rows.sort(key=lambda row: (row[3] is None, row[3] or "", row[9], row[0]))
    return [header, *rows]


def _defined_attributes(organization: Organization) -> dict[str, str]:
    """Display names by name, in order of position, those without one last, then by name."""
    defined = {}
    for name, events in organization.events.subjects(organization.id, "attribute").items():
        won = winner(events)
        if won is not None and won.type == "attribute.defined":
            defined[name] = won.data
    ordered = sorted(defined, key=lambda name: (defined[name].get("position", float("inf")), name))
    return {name: defined[name]["displayName"] or name for name in ordered}


def _row(
    organization: Organization, call: Attempt, attributes: list[str], nodes: list[Node]
) -> Cells:
    profile = _NOBODY if call.contact_id is None else organization.profile(call.contact_id)
    answered_at = earliest_at(select(call.events, "call.answered"))
    row: Cells = [
        call.id,
        call.contact_id,
        profile["firstName"],
        profile["lastName"],
        profile["phone"],
        profile["email"],
        call.from_number,
        call.to_number,
        call.direction,
        call.number,
        call.history_status,
        call.outcome,
        call.flow_outcome,
        format_instant(call.started_at),
        None if answered_at is None else format_instant(answered_at),
        None if call.ended_at is None else format_instant(call.ended_at),
        call.duration_ms,
        call.cost if call.charges else None,
        *(profile["attributes"].get(name) for name in attributes),
    ]
    for node in nodes:
        last = [step for step in call.steps if step.node_id == node["id"]][-1:]
        visit = Visit(call, node, last[0] if last else None, profile["attributes"])
        row += [column(visit) for column in _COLUMNS[node["type"]].values()]
    return row
