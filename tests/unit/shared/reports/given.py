"""What the tests of reports are given: plans of executions."""

from typing import Any

from shared.contracts.execution_events import ExecutionScheduledData


def plan(**said: Any) -> ExecutionScheduledData:
    """A plan with only what the test says."""
    return ExecutionScheduledData(program_id="program", **said)
