"""The generator reaches all that the contract allows: types, keys, spellings, and every tie.

What is drawn here is the same at every run, so a reach that is lost fails at once.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec import inspect

from shared.contracts.codec import decode_fields
from shared.contracts.event_types import EVENT_CLASSES, KINDS, WIRE_NAMES
from tests.property.event_strategies.deliveries import History, Spelling, fields_of, histories
from tests.property.event_strategies.events import (
    TYPES,
    TYPES_BY_KIND,
    RawEvent,
    competitions,
    events,
    kind_of,
)
from tests.property.event_strategies.values import SOURCES, TIMES
from tests.property.folded_database import identity_of
from tests.property.payload_keys import demanded, sighted
from tests.property.rule_three import time_us
from tests.property.shared.folds.test_rule_three import REGISTERS
from tests.reference_model.event_set import EVENT_TYPES

Sight = TypeVar("Sight")

#: Rounds of examples within which all that is wanted must be seen; most take one or two.
ROUNDS = 50
DELIVERY_SIGHTS = {
    "structured",
    "binary",
    "escapes",
    "duplicate in its batch",
    "duplicate in a later batch",
    "duplicate in the other mode",
    "one batch",
    "many batches",
    "one event",
    "many events",
    "two organizations",
    "every kind",
}
CLASSES = {WIRE_NAMES[event_class]: event_class for event_class in EVENT_CLASSES}


def drawn(strategy: st.SearchStrategy[Any], examples: int, round_: int = 0) -> list[Any]:
    """Draw so many examples, the same ones at every run; each round has its own."""
    found: list[Any] = []

    @seed(round_)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def never_seen(
    wanted: Iterable[Sight],
    strategy: st.SearchStrategy[Any],
    sights: Callable[[Any], Iterable[Sight]],
) -> set[Sight]:
    """What is wanted but shown by none of `ROUNDS` × 20 examples."""
    missing = set(wanted)
    for round_ in range(ROUNDS):
        for example in drawn(strategy, 20, round_):
            missing.difference_update(sights(example))
        if not missing:
            break
    return missing


def test_types_are_those_of_the_contract() -> None:
    """Each type of events.md is generated, under the kind that its subject is."""
    assert set(CLASSES) == set(TYPES) == set(EVENT_TYPES)
    assert {type_: KINDS[CLASSES[type_]].value for type_ in TYPES} == {
        type_: kind_of(type_) for type_ in TYPES
    }


@pytest.mark.parametrize("type_", TYPES)
def test_every_key_of_a_type_is_absent_null_and_said(type_: str) -> None:
    """Optional keys come in all three ways, closed lists whole, nested objects too."""
    info = inspect.type_info(CLASSES[type_])
    assert set() == never_seen(demanded(info), events(type_), lambda event: sighted(info, event))


@pytest.mark.parametrize("type_", TYPES)
def test_every_spelling_of_an_event_decodes_alike(type_: str) -> None:
    """Both content modes, roomy or not, say the same event; what is drawn is valid."""
    for event in drawn(events(type_), 10):
        spellings = [Spelling(roomy, binary) for roomy in (False, True) for binary in (False, True)]
        decoded = [decode_fields(fields_of(event, spelling)) for spelling in spellings]
        assert all(isinstance(one, CLASSES[type_]) for one in decoded)
        assert {one.time_us for one in decoded} == {time_us(event)}
        assert len({(one.id, one.source, one.subject, one.executionid) for one in decoded}) == 1


@pytest.mark.parametrize(
    "types", dict.fromkeys(register.types for register in REGISTERS), ids=",".join
)
def test_every_tie_of_rule_three_is_reached(types: tuple[str, ...]) -> None:
    """Two events that compete differ in time, or only in rank, source or id."""
    wanted = {"time", "source", "id"} | ({"rank"} if len(types) > 1 else set())
    assert set() == never_seen(wanted, competitions(types), deciders)


def test_sources_are_told_apart_by_code_point() -> None:
    """Some pair of competing sources is ordered otherwise in UTF-16."""
    by_unit = sorted(SOURCES, key=lambda source: source.encode("utf-16-be"))
    assert by_unit != sorted(SOURCES)
    rivals = competitions(TYPES_BY_KIND["attempt"])
    assert set() == never_seen([tuple(by_unit[-2:])], rivals, source_pairs)


def test_one_instant_has_many_texts() -> None:
    """Times tie though their texts differ: by offset, and by digits that are cut off."""
    assert len({time_us({"time": text}) for text in TIMES}) == len(TIMES) - 4


def test_deliveries_repeat_reorder_and_cut() -> None:
    """Histories hold duplicates in one batch and across, both modes, escapes, small and large."""
    assert set() == never_seen(DELIVERY_SIGHTS, histories(), delivery_sights)


def deciders(found: list[RawEvent]) -> Iterator[str]:
    """By what each two events are told apart, as rule 3 looks at them."""
    for one, other in combinations(found, 2):
        if time_us(one) != time_us(other):
            yield "time"
        elif one["type"] != other["type"]:
            yield "rank"
        else:
            yield "id" if one["source"] == other["source"] else "source"


def source_pairs(found: list[RawEvent]) -> Iterator[tuple[str, str]]:
    """The sources of each two events, either way round."""
    for one, other in combinations(found, 2):
        yield (one["source"], other["source"])
        yield (other["source"], one["source"])


def delivery_sights(history: History) -> Iterator[str]:
    """What the deliveries of a history show."""
    yield "one event" if len(history.events) == 1 else "many events"
    if len({event["organizationid"] for event in history.events}) > 1:
        yield "two organizations"
    if {kind_of(event["type"]) for event in history.events} == set(TYPES_BY_KIND):
        yield "every kind"
    for delivery in history.deliveries:
        yield "one batch" if len(delivery) == 1 else "many batches"
        firsts: dict[tuple[str, ...], tuple[int, str]] = {}
        for number, batch in enumerate(delivery):
            for fields in batch:
                mode = "structured" if fields[0] == b"event" else "binary"
                yield mode
                if b"\\u" in fields[-1]:
                    yield "escapes"
                if identity_of(fields) in firsts:
                    first_number, first_mode = firsts[identity_of(fields)]
                    yield f"duplicate in {'its' if number == first_number else 'a later'} batch"
                    if mode != first_mode:
                        yield "duplicate in the other mode"
                firsts.setdefault(identity_of(fields), (number, mode))
