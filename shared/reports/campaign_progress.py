"""How far a campaign is, and what it is: `…/progress` and `/api/v1/campaigns/{id}`.

Source: seed-systems.md, 2.4 (formulas), 5.1 and 5.4 (statuses). A contact counts as in the list of
contacts. One that was skipped is in no bucket, so that those sum to `total_contacts`.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_s
from shared.contracts.numbers import item_number
from shared.folds.states import FOLDS
from shared.reports.arithmetic import Money, average_ms, money, rate, whole_seconds
from shared.reports.campaign_executions import CampaignExecution
from shared.reports.executions import Execution, read_execution

_BUCKETS: Final = {
    "pending": "pending",
    "queued": "pending",
    "pendingRetry": "pending",
    "calling": "processing",
    "completed": "completed",
    "failed": "failed",
}
#: Stored status of an execution → status of a campaign; a deadline that came completes it.
_STATUSES: Final = {
    "scheduled": "scheduled",
    "running": "running",
    "paused": "paused",
    "paused_no_credits": "paused",
    "paused_threshold": "paused",
    "completed": "completed",
    "stopped": "completed",
    "cancelled": "cancelled",
}

_decode_execution = FOLDS[Kind.EXECUTION].decode


class ProgressRows(Struct, frozen=True, gc=False):
    """What the query gives."""

    #: Contacts by status.
    contacts: dict[str, int]
    calls: int
    #: Lone SMS.
    messages: int
    #: Calls that a human answered.
    answered: int
    duration_ms: int
    cost: Decimal
    #: Earliest event of the campaign's executions; None where none was planned.
    first_us: int | None
    #: State of the latest of them.
    latest: bytes | None

    @property
    def execution(self) -> Execution:
        """The latest execution."""
        return read_execution(None if self.latest is None else _decode_execution(self.latest))


class Progress(Struct, frozen=True, kw_only=True, gc=False):
    """Contacts by how far they are."""

    total_contacts: int
    completed: int
    failed: int
    processing: int
    pending: int
    progress_percentage: float
    success_rate: float


class Metrics(Struct, frozen=True, kw_only=True, gc=False):
    """Figures of the calls; no event says an estimate, nor when a figure changed last."""

    total_duration_seconds: int
    average_duration_seconds: int
    success_rate: float
    answer_rate: float
    completion_rate: float
    cost_estimate: Money | None = None
    actual_cost: Money
    last_updated: str | None = None


class Activity(Struct, frozen=True, kw_only=True, gc=False):
    """One of the latest attempts."""

    execution_id: int
    contact_phone: str | None
    status: str
    executed_at: str
    call_id: str | None


class CampaignProgress(Struct, frozen=True, kw_only=True, gc=False):
    """The answer of `…/progress`."""

    progress: Progress
    metrics: Metrics
    #: Newest first.
    recent_activity: list[Activity]


class Campaign(Struct, frozen=True, kw_only=True, gc=False):
    """The answer of `/api/v1/campaigns/{id}`: status and times are its latest execution's."""

    id: int
    name: str | None
    status: str | None
    campaign_type: str | None
    assistant_id: str | None
    total_contacts: int
    completed_contacts: int
    failed_contacts: int
    created_at: str | None
    started_at: str | None
    completed_at: str | None
    metrics: Metrics


def campaign_progress(rows: ProgressRows, latest: list[CampaignExecution]) -> CampaignProgress:
    """How far it is."""
    progress = _progress(rows)
    return CampaignProgress(
        progress=progress,
        metrics=_metrics(rows, progress),
        recent_activity=[
            Activity(
                execution_id=item.execution_id,
                contact_phone=item.contact_phone,
                status=item.status,
                executed_at=item.executed_at,
                call_id=item.call_id,
            )
            for item in latest
        ],
    )


def campaign(campaign_id: str, rows: ProgressRows) -> Campaign:
    """What it is."""
    progress, execution = _progress(rows), rows.execution
    plan = execution.plan
    return Campaign(
        id=item_number(campaign_id),
        name=(plan.program_name or None) if plan else None,
        status=_STATUSES.get(execution.status or ""),
        campaign_type=_campaign_type(rows),
        assistant_id=plan.agent_id if plan else None,
        total_contacts=progress.total_contacts,
        completed_contacts=progress.completed,
        failed_contacts=progress.failed,
        created_at=_text(rows.first_us),
        started_at=_text(execution.started_us),
        completed_at=_text(execution.ended_us),
        metrics=_metrics(rows, progress),
    )


def _progress(rows: ProgressRows) -> Progress:
    buckets = dict.fromkeys(_BUCKETS.values(), 0)
    for status, contacts in rows.contacts.items():
        if status in _BUCKETS:
            buckets[_BUCKETS[status]] += contacts
    total, over = sum(buckets.values()), buckets["completed"] + buckets["failed"]
    return Progress(
        total_contacts=total,
        progress_percentage=rate(over, total),
        success_rate=rate(buckets["completed"], over),
        **buckets,
    )


def _metrics(rows: ProgressRows, progress: Progress) -> Metrics:
    return Metrics(
        total_duration_seconds=whole_seconds(rows.duration_ms),
        average_duration_seconds=average_ms(rows.duration_ms, 1000 * progress.completed),
        success_rate=progress.success_rate,
        answer_rate=rate(rows.answered, rows.calls),
        completion_rate=rate(progress.completed, progress.total_contacts),
        actual_cost=money(rows.cost),
    )


def _campaign_type(rows: ProgressRows) -> str | None:
    """By what it has made so far; None before that."""
    if rows.calls and rows.messages:
        return "mixed"
    if rows.messages:
        return "sms"
    return "call" if rows.calls else None


def _text(us: int | None) -> str | None:
    return None if us is None else us_text_s(us)
