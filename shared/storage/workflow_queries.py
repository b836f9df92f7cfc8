"""Reads what the workflow interface and the call report are made of: runs of flows.

A run's own events say which flow it is, so the flow is asked for in a second statement.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from shared.contracts.event_types import Kind
from shared.contracts.reference_events import FlowPublishedData
from shared.folds.attempt import AttemptState
from shared.folds.states import FOLDS
from shared.projections.attempts import AttemptRow, attempt_row
from shared.reports.executions import Execution, read_execution
from shared.reports.flow_runs import FlowRun, PublishedVersion, chosen_version, run_flow_choice
from shared.reports.published_flows import FlowChoice, OwnType
from shared.reports.workflow_execution import WorkflowSummary, workflow_summary
from shared.storage.live_queries import LiveQueries

_OWNER: Final = "flow_id"
_INT64: Final = 2**63


class _RunRows(Struct, frozen=True, gc=False):
    """The run as `flow_run.sql` gives it."""

    state: bytes
    execution_state: bytes | None
    own_types: list[OwnType]


class _ListedRun(NamedTuple):
    """One run of a list."""

    attempt_id: str
    state: bytes
    execution_state: bytes | None


class _Page(Struct, frozen=True, gc=False):
    """The answer of `workflow_executions.sql`."""

    is_known: bool
    total: int
    versions: list[PublishedVersion]
    runs: list[_ListedRun]


class ListedRuns(NamedTuple):
    """A page of a flow's runs, newest first."""

    generation: int
    #: Runs that match, on all pages.
    total: int
    summaries: list[WorkflowSummary]


class RunsAsked(Struct, frozen=True, kw_only=True):
    """Which runs of a flow are asked for; what is None does not matter."""

    offset: int
    limit: int
    status: str | None
    contact_id: str | None
    #: They began within these instants, both included.
    from_us: int | None
    to_us: int | None

    @property
    def is_filtered(self) -> bool:
        """Whether any is left out, so that tallies do not know how many there are."""
        return {self.status, self.contact_id, self.from_us, self.to_us} != {None}


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_run = msgspec.json.Decoder(_RunRows).decode
_decode_flow = msgspec.json.Decoder(FlowPublishedData).decode
_decode_attempt = FOLDS[Kind.ATTEMPT].decode
_decode_execution = FOLDS[Kind.EXECUTION].decode


class WorkflowQueries:
    """The questions about flow runs; errors as of `LiveQueries`."""

    def __init__(self, live: LiveQueries) -> None:
        self._live = live

    async def flow_run(self, organization_id: str, attempt_id: str) -> tuple[int, FlowRun] | None:
        """The generation and the run of a call or a run; None where there is none of this id."""
        ids = {"organization_id": organization_id, "attempt_id": attempt_id}
        generation, (found,) = await self._live.fetch("flow_run", ids)
        if found is None:
            return None
        rows = _decode_run(found)
        state, row, execution, choice = _read(attempt_id, rows.state, rows.execution_state)
        return generation, FlowRun(
            attempt_id=attempt_id,
            state=state,
            row=row,
            execution=execution,
            choice=choice,
            flow=await self._flow(organization_id, choice),
            own_types=rows.own_types,
        )

    async def runs(self, organization_id: str, flow_id: str, asked: RunsAsked) -> ListedRuns | None:
        """One page; None where the organization has no such flow."""
        parameters = {
            "organization_id": organization_id,
            "owner_id": flow_id,
            "beside_calls": "run",
            "skip": asked.offset,
            "limit": asked.limit,
            "status": asked.status,
            "contact_id": asked.contact_id,
            "from_us": -_INT64 if asked.from_us is None else asked.from_us,
            "to_us": _INT64 - 1 if asked.to_us is None else asked.to_us,
            "is_filtered": asked.is_filtered,
        }
        generation, (found,) = await self._live.fetch(
            "workflow_executions", parameters, owner=_OWNER
        )
        page = _decode_page(found or b"")
        if not page.is_known:
            return None
        summaries = []
        for attempt_id, state, execution_state in page.runs:
            _state, row, _execution, choice = _read(attempt_id, state, execution_state)
            version = chosen_version(choice, page.versions)
            summaries.append(workflow_summary(attempt_id, row, choice, version))
        return ListedRuns(generation, page.total, summaries)

    async def _flow(self, organization_id: str, choice: FlowChoice) -> FlowPublishedData | None:
        if choice.flow_id is None:
            return None
        asked = {"organization_id": organization_id, **choice._asdict()}
        _generation, (flow,) = await self._live.fetch("flow_version", asked)
        return None if flow is None else _decode_flow(flow)


def _read(
    attempt_id: str, state: bytes, execution_state: bytes | None
) -> tuple[AttemptState, AttemptRow, Execution, FlowChoice]:
    attempt = _decode_attempt(state)
    row = attempt_row(attempt_id, attempt)
    execution = read_execution(
        None if execution_state is None else _decode_execution(execution_state)
    )
    return attempt, row, execution, run_flow_choice(attempt, row, execution)
