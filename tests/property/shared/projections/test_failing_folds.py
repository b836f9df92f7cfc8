"""Our own code fails on an event: it alone is parked, and all the others count."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Event
from shared.contracts.park_reasons import ParkReason
from shared.projections import folding
from shared.projections.folding import FoldFailedError
from tests.property.event_strategies.deliveries import Delivery, History, histories
from tests.property.event_strategies.events import identity
from tests.property.folded_database import FoldedDatabase, identity_of
from tests.property.laws import tried


@tried(80)
@given(history=histories(deliveries=1), partitions=st.sampled_from((1, 3)), data=st.data())
def test_a_fold_that_fails_on_one_event_parks_just_that_one(
    history: History, partitions: int, data: st.DataObject
) -> None:
    """The error names lane and position; with those condemned, the same batch goes through."""
    guilty = identity(data.draw(st.sampled_from(history.events)))
    delivery = history.deliveries[0]
    database = FoldedDatabase(partitions)
    named, arrived = fold_around(database, delivery, guilty)
    assert [(park.lane, park.ms, park.seq) for park in database.parked] == named
    assert named == [at for at, of_event in arrived if of_event == guilty]
    assert {(park.reason, park.detail) for park in database.parked} == {
        (ParkReason.FOLD_FAILED, "ZeroDivisionError()")
    }
    innocent = [[fields for fields in batch if identity_of(fields) != guilty] for batch in delivery]
    without = FoldedDatabase(partitions).receive([batch for batch in innocent if batch])
    assert without.projection() == database.projection()


Place = tuple[int, int, int]


def fold_around(
    database: FoldedDatabase, delivery: Delivery, guilty: tuple[str, ...]
) -> tuple[list[Place], list[tuple[Place, tuple[str, ...]]]]:
    """Fold while one event makes its fold fail, condemning what each failure names.

    Returns: the places named by failures, and place and identity of every entry.
    """
    named: dict[Place, tuple[ParkReason, str]] = {}
    arrivals = []
    with pytest.MonkeyPatch.context() as patch:
        kind = guilty[1]
        patch.setitem(folding._EVOLVE, kind, failing_on(guilty, folding._EVOLVE[kind]))
        for batch in delivery:
            arrived = database.arrive(batch)
            arrivals += [
                ((lane, entry.ms, entry.seq), identity_of(entry.fields)) for lane, entry in arrived
            ]
            while True:
                try:
                    database.fold(arrived, named)
                except FoldFailedError as error:
                    cause = repr(error.__cause__)
                    named[error.lane, *error.position] = (ParkReason.FOLD_FAILED, cause)
                else:
                    break
    return list(named), arrivals


def failing_on(
    guilty: tuple[str, ...], evolve: Callable[[Any, Event], Any]
) -> Callable[[Any, Event], Any]:
    """The fold, but for one event: there it changes the state halfway and fails."""

    def fold(state: Any, event: Event) -> Any:
        state = evolve(state, event)
        if (event.organizationid, event.subject, event.source, event.id) == (
            guilty[0],
            *guilty[2:],
        ):
            raise ZeroDivisionError
        return state

    return fold
