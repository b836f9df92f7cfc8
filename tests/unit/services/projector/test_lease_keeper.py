"""A lease keeper beside a database, or an engine, that does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import psycopg

from services.projector.health import Health
from services.projector.lease_keeper import LeaseKeeper
from services.projector.ports import LeaseTable, Runtime
from shared.clock import monotonic_s
from shared.storage.lanes import Held
from tests.installation import until
from tests.simulation.memory_store import GENERATION

_ALL = {-1, 0, 1}
#: Of a keeper that looks every 20 ms.
_SOON_S = 20.0


class Leases:
    """Half of all lanes are free, and one of two projectors asks; may lose the reply."""

    def __init__(self, *, loses_reply: bool = False) -> None:
        self.held: set[int] = set()
        self.left = False
        self._loses_reply = loses_reply
        self.failed, self.said_alive = Event(), Event()
        self.connections = self.beats = 0

    @contextmanager
    def table(self) -> Iterator[LeaseTable]:
        """A connection."""
        self.connections += 1
        yield self

    def beat(self) -> int:
        self.left = False
        self.beats += 1
        return 2

    def leave(self) -> None:
        self.left = True

    def live_generation(self) -> int | None:
        return GENERATION

    def renew(self) -> Held:
        return Held(dict.fromkeys(self.held, 1), set(), {})

    def take(self, _lanes_max: int, _generation: int, /) -> dict[int, int]:
        self.held |= _ALL
        if self._loses_reply:
            self.failed.set()
            raise psycopg.OperationalError("the connection is lost")
        return dict.fromkeys(self.held, 1)

    def still_alive(self) -> None:
        self.said_alive.set()

    def release(self, lanes: list[int]) -> None:
        self.held -= set(lanes)

    def survived(self, lanes: list[int]) -> None:
        """Not asked here."""

    def open_breaker(self, lanes: list[int], reason: str) -> None:
        """Not asked here."""

    def vouch(self, vouched: dict[int, int]) -> None:
        """Not asked here."""


def keeper_of(leases: Leases, health: Health, lease_ms: int = 60_000) -> LeaseKeeper:
    """A keeper whose share are these lanes."""
    return LeaseKeeper(
        leases.table, 2 * len(_ALL), GENERATION, lease_ms, health, lambda: None, Runtime()
    )


def test_leases_are_given_back_although_the_connection_was_just_lost() -> None:
    """Once more it connects; else a clean end would leave lanes alone for a lease, as a death."""
    leases = Leases(loses_reply=True)
    keeper = keeper_of(leases, Health())
    keeper.start()
    assert leases.failed.wait(30)
    keeper.stop()
    assert set() == leases.held
    assert leases.connections == 2


def test_leases_of_an_engine_that_failed_are_not_given_back() -> None:
    """Who takes its lanes counts a death: else an event that kills would never be found."""
    leases = Leases()
    keeper = keeper_of(leases, Health())
    keeper.start()
    until(lambda: leases.held == _ALL, "lanes are taken")
    keeper.abandon()
    keeper.stop()
    assert leases.held == _ALL
    assert leases.left


def test_projector_that_lost_lanes_says_that_it_lives_once_its_engine_moved() -> None:
    """Before that nobody knows: perhaps an event loops in C, and the process is to be ended."""
    leases, health = Leases(), Health(folding=True)
    keeper = keeper_of(leases, health, lease_ms=1_000)
    keeper.start()
    until(lambda: keeper.held().keys() == _ALL, "lanes are taken")
    health.engine_beat_s = monotonic_s()
    leases.held = set()
    beats = leases.beats
    until(lambda: leases.beats > beats + 2, "it looks again and again")
    assert not leases.said_alive.is_set()
    health.engine_beat_s = monotonic_s()
    assert leases.said_alive.wait(30)
    keeper.stop()


def test_lanes_of_an_engine_that_waits_for_a_server_go_to_others_until_it_moves() -> None:
    """But not while it folds: a fold that never ends must count as a death."""
    leases, health = Leases(), Health(folding=True)
    keeper = keeper_of(leases, health, lease_ms=100)
    keeper.start()
    health.engine_beat_s = monotonic_s()
    until(lambda: keeper.held().keys() == _ALL, "lanes are taken", _SOON_S)
    health.engine_beat_s = -1e9
    beats = leases.beats
    until(lambda: leases.beats > beats + 2, "it looks again and again", _SOON_S)
    assert leases.held == _ALL

    health.folding = False
    until(lambda: keeper.stands_aside, "it stands aside", _SOON_S)
    assert set() == leases.held
    assert leases.left
    assert {} == keeper.held()

    health.engine_beat_s = monotonic_s()
    until(lambda: keeper.held().keys() == _ALL, "it moves again", _SOON_S)
    keeper.stop()
