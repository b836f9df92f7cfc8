"""Executions and how far they are: `GET /program-executions` and `…/{executionId}`.

Counters are coarse: contacts that wait, are being called, are done. Skipped ones count in the
total alone.
"""

from msgspec import UNSET, Struct, UnsetType

from shared.contracts.instants import instant_us, us_text_ms
from shared.folds.execution import ExecutionState
from shared.reports.executions import read_execution


class ExecutionRows(Struct, frozen=True, gc=False):
    """One execution as the queries give it."""

    execution_id: str
    #: None where it has no event of its own.
    state: ExecutionState | None
    #: Contacts by status.
    contacts: dict[str, int]


class ProgramExecution(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One execution."""

    id: str
    program_id: str | None
    organization_id: str
    audience_id: str | None
    flow_id: str | None
    status: str | None
    total_contacts: int
    contacts_completed: int
    contacts_failed: int
    contacts_pending: int
    contacts_in_progress: int
    scheduled_start_at: str | None
    scheduled_stop_at: str | UnsetType = UNSET
    actual_start_at: str | UnsetType = UNSET
    actual_end_at: str | UnsetType = UNSET
    #: The earliest and the latest event of its own; null without any.
    created_at: str | None
    updated_at: str | None


class ListMeta(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Where in the list a page lies."""

    page: int
    limit: int
    total: int
    total_pages: int
    has_next_page: bool
    has_previous_page: bool


class ProgramExecutions(Struct, frozen=True, kw_only=True, gc=False):
    """The answer with a page of executions, newest first."""

    data: list[ProgramExecution]
    meta: ListMeta


def program_execution(organization_id: str, rows: ExecutionRows) -> ProgramExecution:
    """One execution with its counters."""
    execution, state, contacts = read_execution(rows.state), rows.state, rows.contacts
    plan = execution.plan
    return ProgramExecution(
        id=rows.execution_id,
        program_id=plan.program_id if plan else None,
        organization_id=organization_id,
        audience_id=plan.audience_id if plan else None,
        flow_id=plan.flow_id if plan else None,
        status=execution.status,
        total_contacts=sum(contacts.values()),
        contacts_completed=contacts.get("completed", 0),
        contacts_failed=contacts.get("failed", 0),
        contacts_pending=contacts.get("pending", 0) + contacts.get("pendingRetry", 0),
        contacts_in_progress=contacts.get("queued", 0) + contacts.get("calling", 0),
        scheduled_start_at=_said_instant(plan.scheduled_start_at) if plan else None,
        scheduled_stop_at=(_said_instant(plan.scheduled_stop_at) if plan else None) or UNSET,
        actual_start_at=_instant(execution.started_us) or UNSET,
        actual_end_at=_instant(execution.ended_us) or UNSET,
        created_at=_instant(state.first_us if state else None),
        updated_at=_instant(state.last_us if state else None),
    )


def program_executions(
    executions: list[ProgramExecution], total: int, page: int, limit: int
) -> ProgramExecutions:
    """One page; beyond the end it is empty."""
    total_pages = -(-total // limit)
    return ProgramExecutions(
        data=executions,
        meta=ListMeta(
            page=page,
            limit=limit,
            total=total,
            total_pages=total_pages,
            has_next_page=page < total_pages,
            has_previous_page=page > 1,
        ),
    )


def _said_instant(text: str | None) -> str | None:
    return None if text is None else us_text_ms(instant_us(text))


def _instant(time_us: int | None) -> str | None:
    return None if time_us is None else us_text_ms(time_us)
