"""Incidents on a real PostgreSQL: told once, counted once, and by the lane's owner alone."""

from collections.abc import Iterator

import psycopg
import pytest

from shared.contracts.incident_kinds import IncidentKind
from shared.storage.connection import connect
from shared.storage.incidents import all_incidents, declare, lane_counts
from shared.storage.lanes import Lanes

_LANE = 1


@pytest.fixture
def connection(laid_out: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit, whose projector holds all lanes at epoch 1."""
    with connect(laid_out, "test") as connected:
        Lanes(connected, "one", 60_000).take(9, 1)
        yield connected


def missed(
    connection: psycopg.Connection, entries: int, kind: IncidentKind = IncidentKind.TRIMMED
) -> int:
    """Declare that so many entries are missing, by the count as it is now; how often, by now."""
    at = lane_counts(connection, [_LANE])[_LANE]
    return declare(connection, _LANE, 1, at, kind, entries, entries, {"what": "gone"})


def said(connection: psycopg.Connection) -> list[tuple[str, int | None, int]]:
    """Kind, loss and times of each incident."""
    return sorted((i.kind, i.entries_lost, i.times) for i in all_incidents(connection))


def test_loss_is_added_to_the_count_so_that_it_is_declared_once(
    connection: psycopg.Connection,
) -> None:
    """Our count meets the stream's afterwards; what goes on at the same place is one row."""
    at = lane_counts(connection, [_LANE])[_LANE]

    assert [1, 2] == [missed(connection, 5), missed(connection, 7)]

    assert [("trimmed", 12, 2)] == said(connection)
    assert at.counted + 12 == lane_counts(connection, [_LANE])[_LANE].counted


def test_loss_that_another_look_counted_is_not_counted_again(
    connection: psycopg.Connection,
) -> None:
    """The engine and the stream keeper may find the same at the same time."""
    at = lane_counts(connection, [_LANE])[_LANE]
    missed(connection, 5)

    assert 0 == declare(connection, _LANE, 1, at, IncidentKind.TRIMMED, 5, 5, {})
    assert [("trimmed", 5, 1)] == said(connection)


def test_lane_of_another_owner_is_left_alone(connection: psycopg.Connection) -> None:
    """Who took it over may have trimmed what is missed here."""
    connection.execute("UPDATE callfold.leases SET owner = 'other', epoch = 2")

    assert 0 == missed(connection, 5)
    assert [] == said(connection)
    assert 0 == lane_counts(connection, [_LANE])[_LANE].entries_unread


def test_stream_that_began_anew_is_one_incident_at_its_place(
    connection: psycopg.Connection,
) -> None:
    """Its cursor's own entry is gone with it, which is no incident of its own."""
    assert 1 == missed(connection, 0, IncidentKind.RECREATED)

    assert 0 == missed(connection, 0)
    assert [("recreated", 0, 1)] == said(connection)
    connection.execute("UPDATE callfold.lanes SET ms = ms + 1")
    assert 1 == missed(connection, 0)
