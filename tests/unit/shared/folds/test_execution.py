"""Plan and status of an execution (reports.md, Status)."""

import json
from typing import Any

import pytest

from shared.contracts.envelope import Event
from shared.folds.execution import execution_status
from tests.unit.shared.folds import given
from tests.unit.shared.folds.given import TEN_US


def decoded(type_: str, clock: str = "10:00:00", **options: Any) -> Event:
    """Decode an event of the execution `spring`."""
    return given.decoded(type_, clock, subject="spring", execution_id="spring", **options)


def status_of(*events: Event) -> str | None:
    """The stored status after these events."""
    return execution_status(given.state_of(*events))


def test_the_earliest_terminal_event_decides() -> None:
    """What is over stays over: a later one, or a resumption, changes nothing."""
    stopped = decoded("execution.stopped", "10:00:01")
    later = [
        decoded("execution.cancelled", "10:00:02"),
        decoded("execution.resumed", "10:00:03"),
    ]
    assert "stopped" == status_of(stopped, *later) == status_of(*later, stopped)


def test_at_one_instant_the_higher_terminal_rank_decides() -> None:
    """`execution.cancelled` stands after `execution.completed`, whatever the sources."""
    completed = decoded("execution.completed", source="/z")
    cancelled = decoded("execution.cancelled", source="/a")
    assert "cancelled" == status_of(completed, cancelled) == status_of(cancelled, completed)


@pytest.mark.parametrize(
    ("reason", "expected"),
    (
        ("manual", "paused"),
        ("no_credits", "paused_no_credits"),
        ("threshold", "paused_threshold"),
    ),
)
def test_a_pause_says_why(reason: str, expected: str) -> None:
    """A pause at the instant of the start outranks it."""
    paused = decoded("execution.paused", reason=reason)
    assert expected == status_of(paused, decoded("execution.started", source="/z"))


def test_a_resumption_at_the_instant_of_a_pause_wins() -> None:
    """`execution.resumed` stands after `execution.paused`."""
    resumed = decoded("execution.resumed", source="/a")
    assert "running" == status_of(resumed, decoded("execution.paused", reason="manual"))


def test_without_events_there_is_no_status_and_with_a_plan_it_is_scheduled() -> None:
    """An execution that is only named has none."""
    assert execution_status(None) is None
    assert "scheduled" == status_of(decoded("execution.scheduled", programId="p"))


def test_the_start_is_the_earliest_and_the_plan_the_winning_one() -> None:
    """A plan is replaced whole: keys of an older one do not show through."""
    state = given.state_of(
        decoded("execution.started", "10:00:05"),
        decoded("execution.scheduled", "10:00:02", programId="p", agentId=None),
        decoded("execution.scheduled", "10:00:01", programId="q", flowId="menu"),
        decoded("execution.started", "10:00:03"),
    )
    assert {"programId": "p"} == json.loads(state.scheduled[4])
    assert TEN_US + 3_000_000 == state.started_us
