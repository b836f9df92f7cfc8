"""A batch of calls: `GET /batches/{batch_id}` (seed-systems.md, 3.4 and 5.4).

A batch is what executions and calls name as theirs; usually one execution.
"""

from typing import Final, NamedTuple

from msgspec import Struct

from shared.contracts.instants import us_text_s

#: Stored status of an execution → the vendor's word for a batch.
_STATUSES: Final = {
    "scheduled": "scheduled",
    "running": "queued",
    "paused": "queued",
    "paused_no_credits": "queued",
    "paused_threshold": "queued",
    "completed": "executed",
    "stopped": "stopped",
    "cancelled": "stopped",
}


class BatchExecution(NamedTuple):
    """An execution whose plan names the batch."""

    status: str
    first_us: int
    last_us: int


class BatchRows(Struct, frozen=True, gc=False):
    """What the query gives."""

    #: By their first event.
    executions: list[BatchExecution]
    #: Enrolled in these executions, and the skipped ones among them.
    contacts: int
    skipped: int
    #: By status, of the executions' calls and of those that name the batch themselves.
    calls: dict[str, int]


class CallBatch(Struct, frozen=True, kw_only=True, gc=False):
    """The answer."""

    batch_id: str
    #: Of the latest execution; null where only calls name the batch.
    status: str | None
    created_at: str | None
    updated_at: str | None
    #: Those that were not skipped.
    valid_contacts: int
    total_contacts: int
    #: Calls by status; only statuses that there are.
    execution_status: dict[str, int]


def call_batch(batch_id: str, rows: BatchRows) -> CallBatch | None:
    """How a batch stands; None where nothing names it."""
    executions = rows.executions
    if not executions and not rows.calls:
        return None
    return CallBatch(
        batch_id=batch_id,
        status=_STATUSES[executions[-1].status] if executions else None,
        created_at=us_text_s(executions[0].first_us) if executions else None,
        updated_at=us_text_s(max(one.last_us for one in executions)) if executions else None,
        valid_contacts=rows.contacts - rows.skipped,
        total_contacts=rows.contacts,
        execution_status=dict(sorted(rows.calls.items())),
    )
