"""kill -9 of projectors at random moments loses nothing and counts nothing twice."""

import pytest

from tests.faults.judging import judge
from tests.installation import installation
from tests.whole_runs import projectors_killed_again_and_again


@pytest.mark.timeout(240)
@pytest.mark.parametrize("projectors", (pytest.param(1, marks=pytest.mark.faults), 2))
def test_projectors_killed_again_and_again_still_equal_the_model(
    redis_url: str, database_url: str, projectors: int
) -> None:
    """After eight kills, one projector joining meanwhile, reports and log are exact."""
    with installation(redis_url, database_url) as running:
        judge(running, projectors_killed_again_and_again(running, projectors))
