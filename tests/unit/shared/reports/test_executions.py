"""What reports see of an execution's state."""

import pytest

from shared.folds.execution import ExecutionState
from shared.reports.executions import (
    MENTIONED_ONLY,
    Execution,
    duration_ms,
    effective_status,
    read_execution,
)


def test_state_is_read_with_its_plan() -> None:
    """Status, plan, start and the time of the terminal event that decides."""
    state = ExecutionState(
        first_us=1,
        last_us=9,
        scheduled=(1, 3, "/dialer", "1", b'{"programId":"p","flowName":"F"}'),
        started_us=2,
        activity=(2, 4, "/dialer", "2", "running"),
        terminal=(9, 8, "stopped"),
    )
    execution = read_execution(state)
    assert execution.plan is not None
    assert ("p", "F") == (execution.plan.program_id, execution.plan.flow_name)
    assert ("stopped", 2, 9) == (execution.status, execution.started_us, execution.ended_us)


def test_no_state_knows_nothing() -> None:
    """The execution is named by other subjects' events alone."""
    assert MENTIONED_ONLY == read_execution(None)
    assert (None, None, None) == (
        MENTIONED_ONLY.status,
        MENTIONED_ONLY.plan,
        duration_ms(MENTIONED_ONLY, 10**15),
    )


@pytest.mark.parametrize(
    ("status", "in_window", "expected"),
    (
        ("paused", True, "paused_manual"),
        ("paused", False, "paused_manual"),
        ("running", True, "paused_window"),
        ("running", False, "running"),
        ("paused_no_credits", True, "paused_no_credits"),
        ("paused_threshold", True, "paused_threshold"),
        ("completed", True, "completed"),
        ("scheduled", True, "scheduled"),
        (None, True, None),
    ),
)
def test_effective_status_names_pauses(
    status: str | None, in_window: bool, expected: str | None
) -> None:
    """Only `paused` and a running execution inside a window change."""
    assert expected == effective_status(status, in_pause_window=in_window)


@pytest.mark.parametrize(
    ("started_us", "ended_us", "now_us", "expected"),
    (
        (1_000, 3_999, 0, 2),  # truncated
        (0, None, 5_000, 5),
        (5_000, 1_000, 9_000, 0),  # never negative
        (9_000, None, 5_000, 0),
        (None, 5_000, 9_000, None),
    ),
)
def test_duration_runs_to_the_end_or_to_now(
    started_us: int | None, ended_us: int | None, now_us: int, expected: int | None
) -> None:
    """Absent without a start."""
    assert expected == duration_ms(Execution(started_us=started_us, ended_us=ended_us), now_us)
