"""Reads what a report is made of, in one statement and so in one snapshot.

A statement is given which flow to join, remembered from the last time, and asked again where the
execution turns out to use another. In the steady state a report is one round trip.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from shared.contracts.event_types import Kind
from shared.contracts.reference_events import FlowPublishedData
from shared.errors import StorageError
from shared.folds.states import FOLDS
from shared.limits import DTMF_INPUTS_MAX, TOP_COSTLY_CALLS
from shared.reports.billing import BillingRows
from shared.reports.breakdown import BreakdownRow
from shared.reports.call_history import CallHistoryRows, Place
from shared.reports.executions import Execution, read_execution
from shared.reports.main_report import MainReportRows
from shared.reports.node_stats import NodeStatsRows
from shared.reports.published_flows import NO_FLOW, FlowChoice, flow_choice, flow_name_choice
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import Parameters

_Rows = TypeVar("_Rows")

_ROUNDS_MAX = 5  # the flow may change under a report, but not for ever
_CHOICES_MAX = 10_000
_BEFORE_ALL: Final = Place(-(2**63), "", 0)

#: A boolean in PostgreSQL's binary form.
_TRUE: Final = b"\x01"

_decode_state = FOLDS[Kind.EXECUTION].decode
_decode_flow = msgspec.json.Decoder(FlowPublishedData).decode


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[_Rows]):
    """What one statement found about an execution that exists."""

    generation: int
    execution: Execution
    #: The published flow, where the question asks for it and there is one.
    flow: FlowPublishedData | None
    rows: _Rows


class _Question(Generic[_Rows]):
    """A `.sql` file, its rows, and which flow it wants to be joined."""

    def __init__(
        self,
        name: str,
        rows: type[_Rows],
        wants_flow: Callable[[Execution], FlowChoice] = lambda _execution: NO_FLOW,
    ) -> None:
        self.name = name
        self.decode_rows = msgspec.json.Decoder(rows).decode
        self.wants_flow = wants_flow


_MAIN_REPORT = _Question("main_report", MainReportRows, flow_name_choice)
_BREAKDOWN = _Question("breakdown", list[BreakdownRow])
_NODE_STATS = _Question("node_stats", NodeStatsRows, flow_choice)
_BILLING = _Question("billing", BillingRows, flow_choice)
_CALL_HISTORY = _Question("call_history", CallHistoryRows)
_CALL_HISTORY_BY_STATUS = _Question("call_history_by_status", CallHistoryRows)
_CALL_HISTORY_OF_CONTACT = _Question("call_history_of_contact", CallHistoryRows)


class ReportQueries:
    """The questions that reports ask of the live generation.

    Each gives None where the organization has no such execution, and raises StorageError where
    the database is away or not laid out, GenerationError where another release folded it.
    """

    def __init__(self, live: LiveQueries) -> None:
        self._live = live
        self._choices: dict[tuple[str, str, str], FlowChoice] = {}

    async def main_report(
        self, organization_id: str, execution_id: str
    ) -> Snapshot[MainReportRows] | None:
        return await self._ask(_MAIN_REPORT, organization_id, execution_id)

    async def breakdown(
        self, organization_id: str, execution_id: str
    ) -> Snapshot[list[BreakdownRow]] | None:
        return await self._ask(_BREAKDOWN, organization_id, execution_id)

    async def node_stats(
        self, organization_id: str, execution_id: str
    ) -> Snapshot[NodeStatsRows] | None:
        limits = {"inputs_max": DTMF_INPUTS_MAX}
        return await self._ask(_NODE_STATS, organization_id, execution_id, limits)

    async def billing(
        self, organization_id: str, execution_id: str
    ) -> Snapshot[BillingRows] | None:
        limits = {"top_max": TOP_COSTLY_CALLS}
        return await self._ask(_BILLING, organization_id, execution_id, limits)

    async def call_history(
        self,
        organization_id: str,
        execution_id: str,
        *,
        limit: int,
        skip: int = 0,
        after: Place | None = None,
        status: str | None = None,
        contact_id: str | None = None,
    ) -> Snapshot[CallHistoryRows] | None:
        """One page: `skip` calls after the place `after` (None: the beginning)."""
        question = _CALL_HISTORY
        if contact_id is not None:
            question = _CALL_HISTORY_OF_CONTACT
        elif status is not None:
            question = _CALL_HISTORY_BY_STATUS
        place = after or _BEFORE_ALL
        page = {
            "limit": limit,
            "skip": skip,
            "after_us": place.started_us,
            "after_call_id": place.call_id,
            "status": status,
            "contact_id": contact_id,
        }
        return await self._ask(question, organization_id, execution_id, page)

    async def _ask(
        self,
        question: _Question[_Rows],
        organization_id: str,
        execution_id: str,
        more: Parameters | None = None,
    ) -> Snapshot[_Rows] | None:
        key = (question.name, organization_id, execution_id)
        choice = self._choices.get(key, NO_FLOW)
        parameters = {
            "organization_id": organization_id,
            "execution_id": execution_id,
            **(more or {}),
        }
        for _round in range(_ROUNDS_MAX):
            generation, row = await self._live.fetch(question.name, parameters | choice._asdict())
            mentioned, state, flow, rows = row
            if mentioned != _TRUE and state is None:
                return None
            execution = read_execution(None if state is None else _decode_state(state))
            wanted = question.wants_flow(execution)
            if wanted == choice:
                return Snapshot(
                    generation,
                    execution,
                    None if flow is None else _decode_flow(flow),
                    question.decode_rows(rows or b""),
                )
            choice = wanted
            self._remember(key, choice)
        raise StorageError("the execution changes faster than it can be read")

    def _remember(self, key: tuple[str, str, str], choice: FlowChoice) -> None:
        if len(self._choices) >= _CHOICES_MAX:
            self._choices.clear()
        self._choices[key] = choice
