"""A projector whose epochs an operator's repair raises: the lanes stay its own."""

import psycopg
import redis

from tests.installation import installation, until
from tests.integration.services.projector.lanes_at_hand import call, column, publish, start_ready

_LEASE_MS = 60_000
#: A fraction of the time after which the projector would look at its leases anyway.
_AT_ONCE_S = _LEASE_MS / 1000 / 5 / 2


def test_owner_goes_on_at_once_when_its_epochs_are_raised(
    redis_url: str, database_url: str
) -> None:
    """The batch that builds on what it remembered is refused, the next one counts exactly."""
    with (
        installation(redis_url, database_url) as running,
        redis.Redis.from_url(redis_url) as client,
    ):
        start_ready(running, lease_ms=str(_LEASE_MS))
        publish(client, [call(f"raised-{n}") for n in range(40)])
        running.wait_until_folded()
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE callfold.leases SET epoch = epoch + 1")

        publish(client, [call(f"raised-{n}", id=f"again-{n}") for n in range(80)])
        running.wait_until_folded(_AT_ONCE_S)
        attempts = "SELECT attempts::int FROM gen_1.attempt_tallies WHERE attempts > 0"
        until(lambda: column(database_url, attempts) == [80], "every call counts once", 1)
        assert {0} == set(column(database_url, "SELECT unclean_deaths FROM callfold.leases"))
