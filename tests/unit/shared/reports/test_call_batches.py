"""How a batch stands, from rows made by hand."""

import pytest

from shared.reports.call_batches import BatchExecution, BatchRows, call_batch

_SECOND_US = 1_000_000


@pytest.mark.parametrize(
    ("status", "shown"),
    (
        ("scheduled", "scheduled"),
        ("running", "queued"),
        ("paused", "queued"),
        ("paused_no_credits", "queued"),
        ("paused_threshold", "queued"),
        ("completed", "executed"),
        ("stopped", "stopped"),
        ("cancelled", "stopped"),
    ),
)
def test_status_is_the_executions_in_the_vendors_words(status: str, shown: str) -> None:
    """Every stored status has one."""
    rows = BatchRows([BatchExecution(status, 0, 0)], contacts=0, skipped=0, calls={})
    batch = call_batch("b", rows)
    assert batch is not None
    assert shown == batch.status


def test_batch_of_several_executions_stands_as_the_latest() -> None:
    """From the first event of all to the last one of all; statuses of calls by name."""
    first = BatchExecution("running", 1 * _SECOND_US, 9 * _SECOND_US)
    second = BatchExecution("completed", 2 * _SECOND_US, 3 * _SECOND_US)
    rows = BatchRows([first, second], contacts=5, skipped=2, calls={"ringing": 1, "busy": 2})
    batch = call_batch("b", rows)
    assert batch is not None
    assert ("executed", "1970-01-01T00:00:01Z", "1970-01-01T00:00:09Z") == (
        batch.status,
        batch.created_at,
        batch.updated_at,
    )
    assert (3, 5) == (batch.valid_contacts, batch.total_contacts)
    assert [("busy", 2), ("ringing", 1)] == list(batch.execution_status.items())


def test_what_nothing_names_is_no_batch() -> None:
    """Neither an execution nor a call."""
    assert call_batch("b", BatchRows([], contacts=0, skipped=0, calls={})) is None
