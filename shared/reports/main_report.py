"""The main report of a program execution: `GET …/report` (reports.md, Program execution)."""

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from shared.contracts.execution_events import (
    ExecutionScheduledData,
    RetryStrategy,
    ScheduledRetry,
)
from shared.contracts.instants import instant_us, us_text_ms
from shared.contracts.reference_events import FlowPublishedData
from shared.reports.arithmetic import rate
from shared.reports.billing import BillingSummary, billing_summary
from shared.reports.call_counts import count_calls
from shared.reports.executions import Execution, duration_ms, effective_status
from shared.reports.pause_windows import AnswerWindows, answer_windows, in_pause_window

_SECOND_US = 1_000_000


class MainReportRows(Struct, frozen=True, gc=False):
    """What the query of the main report gives."""

    #: Contacts by status.
    contacts: dict[str, int]
    #: (history status, calls, those whose flow completed)
    calls: list[tuple[str, int, int]]
    #: Sum of all charges of the execution's attempts.
    cost: Decimal
    #: Attempts whose own sum of charges is above 0.
    billable: int


class Metadata(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What was planned."""

    flow_id: str | None
    flow_name: str | None
    audience_id: str | None
    did_pool: list[str] | None
    retry_strategy: RetryStrategy | None
    pause_windows: AnswerWindows | UnsetType = UNSET


class ContactMetrics(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Unique contacts; the seven statuses sum to `totalContacts`."""

    total_contacts: int
    pending: int
    queued: int
    calling: int
    pending_retry: int
    completed: int
    failed: int
    skipped: int
    reach_rate: float


class CallMetrics(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Calls; they exceed the contacts where contacts are called again."""

    total_calls: int
    connected: int
    answered: int
    voicemail: int
    no_answer: int
    busy: int
    rejected: int
    failed: int
    completed: int
    connection_rate: float
    answer_rate: float


class MainReport(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    execution_id: str
    program_id: str | None
    organization_id: str
    status: str | None
    effective_status: str | None
    is_in_pause_window: bool
    scheduled_start_at: str | None
    scheduled_stop_at: str | UnsetType = UNSET
    actual_start_at: str | UnsetType = UNSET
    actual_end_at: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    metadata: Metadata
    contact_metrics: ContactMetrics
    call_metrics: CallMetrics
    billing_metrics: BillingSummary


def main_report(
    organization_id: str,
    execution_id: str,
    execution: Execution,
    flow: FlowPublishedData | None,
    rows: MainReportRows,
    now_us: int,
) -> MainReport:
    """The report as it stands at `now_us`, of which only the whole seconds count.

    `flow` only lends its name, where the plan says none.
    """
    now_us -= now_us % _SECOND_US
    plan = execution.plan
    paused = in_pause_window(plan, now_us)
    duration = duration_ms(execution, now_us)
    return MainReport(
        execution_id=execution_id,
        program_id=None if plan is None else plan.program_id,
        organization_id=organization_id,
        status=execution.status,
        effective_status=effective_status(execution.status, in_pause_window=paused),
        is_in_pause_window=paused,
        scheduled_start_at=_said_instant(plan.scheduled_start_at) if plan else None,
        scheduled_stop_at=(_said_instant(plan.scheduled_stop_at) if plan else None) or UNSET,
        actual_start_at=_instant(execution.started_us),
        actual_end_at=_instant(execution.ended_us),
        duration_ms=UNSET if duration is None else duration,
        metadata=_metadata(plan, flow),
        contact_metrics=_contact_metrics(rows.contacts),
        call_metrics=_call_metrics(rows.calls),
        billing_metrics=billing_summary(rows.cost, rows.billable),
    )


def _metadata(plan: ExecutionScheduledData | None, flow: FlowPublishedData | None) -> Metadata:
    if plan is None:
        return Metadata(
            flow_id=None, flow_name=None, audience_id=None, did_pool=None, retry_strategy=None
        )
    windows = plan.pause_windows
    return Metadata(
        flow_id=plan.flow_id,
        # An empty name is null.
        flow_name=plan.flow_name or (flow.name if flow else None) or None,
        audience_id=plan.audience_id,
        did_pool=plan.did_pool,
        retry_strategy=_retry_strategy(plan.retry_strategy),
        pause_windows=UNSET if windows is None else answer_windows(windows),
    )


def _retry_strategy(strategy: RetryStrategy | None) -> RetryStrategy | None:
    if isinstance(strategy, ScheduledRetry):
        return ScheduledRetry([us_text_ms(instant_us(date)) for date in strategy.retry_dates])
    return strategy


def _contact_metrics(contacts: dict[str, int]) -> ContactMetrics:
    total = sum(contacts.values())
    completed = contacts.get("completed", 0)
    return ContactMetrics(
        total_contacts=total,
        pending=contacts.get("pending", 0),
        queued=contacts.get("queued", 0),
        calling=contacts.get("calling", 0),
        pending_retry=contacts.get("pendingRetry", 0),
        completed=completed,
        failed=contacts.get("failed", 0),
        skipped=contacts.get("skipped", 0),
        reach_rate=rate(completed, total),
    )


def _call_metrics(rows: list[tuple[str, int, int]]) -> CallMetrics:
    counts = count_calls(rows)
    return CallMetrics(
        total_calls=counts.total,
        connected=counts.connected,
        answered=counts.completed,
        voicemail=counts.voicemail,
        no_answer=counts.no_answer,
        busy=counts.busy,
        rejected=counts.rejected,
        failed=counts.failed,
        completed=counts.flow_completed,
        connection_rate=rate(counts.connected, counts.total),
        answer_rate=rate(counts.completed, counts.total),
    )


def _said_instant(text: str | None) -> str | None:
    return None if text is None else us_text_ms(instant_us(text))


def _instant(time_us: int | None) -> str | UnsetType:
    return UNSET if time_us is None else us_text_ms(time_us)
