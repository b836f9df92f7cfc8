"""A messy campaign of two organizations with the same ids, through several projectors."""

import pytest

from tests.installation import installation
from tests.whole_runs import messy_campaigns_through_three_projectors


@pytest.mark.timeout(180)
def test_messy_campaigns_through_three_projectors_equal_the_model(
    redis_url: str, database_url: str
) -> None:
    """Every answer equals the model, and the vendors' examples; nothing is lost or invented."""
    with installation(redis_url, database_url) as running:
        messy_campaigns_through_three_projectors(running)
