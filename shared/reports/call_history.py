"""The calls of an execution, oldest first: `GET …/report/calls` (reports.md, Call history)."""

from decimal import Decimal
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType, field

from shared.contracts.instants import us_text_ms
from shared.reports.arithmetic import Money, money


class CallRow(NamedTuple):
    """One call."""

    call_id: str
    contact_id: str | None
    from_number: str | None
    to_number: str | None
    direction: str | None
    attempt: int
    status: str
    outcome: str | None
    started_us: int
    ended_us: int | None
    duration_ms: int | None
    #: None where nothing was ever charged.
    cost: Decimal | None


class CallHistoryRows(Struct, frozen=True, gc=False):
    """What the query of the call history gives."""

    #: Calls that match the filters.
    total: int
    #: One page of them, and one more where there is one.
    calls: list[CallRow]


class Place(NamedTuple):
    """A place between two calls of the history, kept by what comes before it."""

    started_us: int
    call_id: str
    #: How many calls come before; `page` follows from it.
    calls_before: int


class CallHistoryItem(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One call."""

    call_id: str
    contact_id: str | None
    from_: str | None = field(name="from")
    to: str | None
    direction: str | None
    attempt: int
    status: str
    outcome: str | None
    started_at: str
    ended_at: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    total_cost: Money | UnsetType = UNSET


class PageMeta(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Where in the history a page lies."""

    page: int
    limit: int
    total: int
    total_pages: int


class CallHistory(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    data: list[CallHistoryItem]
    meta: PageMeta


def call_history(rows: CallHistoryRows, page: int, limit: int) -> CallHistory:
    """One page; beyond the end it is empty."""
    return CallHistory(
        data=[_item(row) for row in rows.calls[:limit]],
        meta=PageMeta(
            page=page, limit=limit, total=rows.total, total_pages=-(-rows.total // limit)
        ),
    )


def next_place(rows: CallHistoryRows, calls_before: int, limit: int) -> Place | None:
    """The place after a page that `calls_before` calls precede; None where it is the last."""
    if len(rows.calls) <= limit:
        return None
    last = rows.calls[limit - 1]
    return Place(last.started_us, last.call_id, calls_before + limit)


def _item(row: CallRow) -> CallHistoryItem:
    return CallHistoryItem(
        call_id=row.call_id,
        contact_id=row.contact_id,
        from_=row.from_number,
        to=row.to_number,
        direction=row.direction,
        attempt=row.attempt,
        status=row.status,
        outcome=row.outcome,
        started_at=us_text_ms(row.started_us),
        ended_at=UNSET if row.ended_us is None else us_text_ms(row.ended_us),
        duration_ms=UNSET if row.duration_ms is None else row.duration_ms,
        total_cost=UNSET if row.cost is None else money(row.cost),
    )
