"""A lease keeper that is told to stop while the database does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import psycopg

from services.projector.health import Health
from services.projector.lease_keeper import LeaseKeeper
from services.projector.ports import LeaseTable, Runtime
from tests.simulation.memory_store import GENERATION

_LANES = 3


class Leases:
    """Gives all lanes, and fails at the first renewal where it is told to."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.failed = Event()
        self.connections = 0

    @contextmanager
    def table(self) -> Iterator[LeaseTable]:
        """A connection."""
        self.connections += 1
        yield self

    def beat(self) -> int:
        return 1

    def leave(self) -> None:
        self.left = True

    def live_generation(self) -> int | None:
        return GENERATION

    def renew(self) -> tuple[dict[int, int], set[int]]:
        return dict.fromkeys(self.held, 1), set()

    def take(self, _lanes_max: int, _generation: int, /) -> dict[int, int]:
        """Taken, and the reply is lost."""
        self.held |= {-1, 0, 1}
        self.failed.set()
        raise psycopg.OperationalError("the connection is lost")

    def release(self, lanes: list[int]) -> None:
        self.held -= set(lanes)

    def survived(self, lanes: list[int]) -> None:
        """Not asked here."""

    def open_breaker(self, lanes: list[int], reason: str) -> None:
        """Not asked here."""

    def vouch(self, vouched: dict[int, int]) -> None:
        """Not asked here."""


def test_leases_are_given_back_although_the_connection_was_just_lost() -> None:
    """Once more it connects; else a clean end would leave lanes alone for a lease, as a death."""
    leases = Leases()
    keeper = LeaseKeeper(
        leases.table, _LANES, GENERATION, 60_000, Health(), lambda: None, Runtime()
    )
    keeper.start()
    assert leases.failed.wait(30)
    keeper.stop()
    assert set() == leases.held
    assert leases.connections == 2
