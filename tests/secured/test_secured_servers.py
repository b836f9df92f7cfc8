"""The whole system and its crashes on Redis and PostgreSQL that take TLS and known users alone."""

from dataclasses import replace

import pytest

from tests.faults.judging import judge
from tests.faults.tally import FaultTally
from tests.installation import ended_afterwards
from tests.secured.secured_installation import SecuredServers, fresh_installation
from tests.whole_runs import (
    KILLS,
    messy_campaigns_through_three_projectors,
    projectors_killed_again_and_again,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def test_messy_campaigns_on_secured_servers_equal_the_model(secured: SecuredServers) -> None:
    """Three projectors and a read API with documented rights alone: every answer is exact."""
    with ended_afterwards(fresh_installation(secured)) as running:
        messy_campaigns_through_three_projectors(running)


@pytest.mark.parametrize("projectors", (1, 2))
def test_projectors_killed_on_secured_servers_lose_nothing(
    secured: SecuredServers, tally: FaultTally, projectors: int
) -> None:
    """Eight kill -9 at random moments while TLS sessions are open; judged by every oracle."""
    with ended_afterwards(fresh_installation(secured)) as running:
        published = projectors_killed_again_and_again(running, projectors)
        row = judge(running, published)
    tally.add("kill -9 on secured servers", replace(row, injected=KILLS))
