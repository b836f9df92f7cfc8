"""The tally of a run of fault tests, printed when it ends."""

import pytest

from tests.faults.tally import FaultTally

_TALLY = pytest.StashKey[FaultTally]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty tally."""
    config.stash[_TALLY] = FaultTally()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> FaultTally:
    """Where a fault test says what it injected and found."""
    return request.config.stash[_TALLY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    lines = list(terminalreporter.config.stash[_TALLY].lines())
    if lines:
        terminalreporter.section("faults injected")
        for line in lines:
            terminalreporter.line(line)
