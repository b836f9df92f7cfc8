"""Coarse counters of executions, and where a page lies."""

import pytest

from shared.reports.program_executions import (
    ExecutionRows,
    program_execution,
    program_executions,
)


def test_counters_leave_only_the_skipped_out() -> None:
    """Every contact is in the total; the vendor's invariant forgets those that were skipped."""
    contacts = {
        "pending": 1,
        "queued": 2,
        "calling": 4,
        "pendingRetry": 8,
        "completed": 16,
        "failed": 32,
        "skipped": 64,
    }
    found = program_execution("acme", ExecutionRows("spring", None, contacts))
    assert (127, 16, 32, 9, 6) == (
        found.total_contacts,
        found.contacts_completed,
        found.contacts_failed,
        found.contacts_pending,
        found.contacts_in_progress,
    )
    assert (None, None, None) == (found.status, found.created_at, found.scheduled_start_at)


@pytest.mark.parametrize(
    ("total", "page", "expected"),
    (
        (0, 1, (0, False, False)),
        (3, 1, (2, True, False)),
        (3, 2, (2, False, True)),
        (4, 2, (2, False, True)),
        (3, 9, (2, False, True)),
    ),
)
def test_page_says_what_lies_beside_it(
    total: int, page: int, expected: tuple[int, bool, bool]
) -> None:
    """Also one beyond the end."""
    meta = program_executions([], total, page, 2).meta
    assert expected == (meta.total_pages, meta.has_next_page, meta.has_previous_page)
