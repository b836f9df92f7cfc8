"""The call history, from rows made by hand."""

from decimal import Decimal

import msgspec

from shared.reports.call_history import CallHistoryRows, CallRow, call_history, next_place

_ENDED = CallRow(
    "call", "contact", "+1", "+2", "outbound", 1, "completed", "completed",
    1_766_222_100_000_999, 1_766_222_145_000_000, 45_000, Decimal("3.3750"),
)  # fmt: skip
_ONGOING = CallRow(
    "other", None, None, None, "inbound", 2, "ongoing", None,
    1_766_222_100_000_999, None, None, None,
)  # fmt: skip


def test_item_leaves_out_what_is_unknown() -> None:
    """Optional keys are absent, required ones null; times are truncated to milliseconds."""
    answer = call_history(CallHistoryRows(total=2, calls=[_ENDED, _ONGOING]), page=1, limit=20)
    assert [
        (
            b'{"callId":"call","contactId":"contact","from":"+1","to":"+2","direction":"outbound",'
            b'"attempt":1,"status":"completed","outcome":"completed",'
            b'"startedAt":"2025-12-20T09:15:00.000Z","endedAt":"2025-12-20T09:15:45.000Z",'
            b'"durationMs":45000,"totalCost":3.375}'
        ),
        (
            b'{"callId":"other","contactId":null,"from":null,"to":null,"direction":"inbound",'
            b'"attempt":2,"status":"ongoing","outcome":null,"startedAt":"2025-12-20T09:15:00.000Z"}'
        ),
    ] == [msgspec.json.encode(item) for item in answer.data]


def test_row_beyond_the_page_only_tells_of_a_next_one() -> None:
    """It is not shown; the next page begins after the last one shown."""
    rows = CallHistoryRows(total=5, calls=[_ENDED, _ONGOING])
    answer = call_history(rows, page=3, limit=1)
    assert ["call"] == [item.call_id for item in answer.data]
    assert (3, 1, 5, 5) == (
        answer.meta.page,
        answer.meta.limit,
        answer.meta.total,
        answer.meta.total_pages,
    )
    assert (1_766_222_100_000_999, "call", 3) == next_place(rows, calls_before=2, limit=1)
    assert next_place(rows, calls_before=2, limit=2) is None


def test_no_calls_have_no_pages() -> None:
    """The total decides."""
    answer = call_history(CallHistoryRows(total=0, calls=[]), page=1, limit=20)
    assert (0, 0) == (answer.meta.total, answer.meta.total_pages)
