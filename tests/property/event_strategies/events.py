"""CloudEvents as dictionaries, and sets of them without conflicts."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.property.event_strategies.attempt_payloads import (
    CALL_PAYLOADS,
    RUN_PAYLOADS,
    SMS_PAYLOADS,
)
from tests.property.event_strategies.subject_payloads import SUBJECT_PAYLOADS
from tests.property.event_strategies.values import (
    EXECUTIONS,
    ORGANIZATIONS,
    SUBJECTS,
    event_ids,
    executions,
    instants,
    record,
    sources,
)

RawEvent = dict[str, Any]

PAYLOADS = {**SUBJECT_PAYLOADS, **CALL_PAYLOADS, **RUN_PAYLOADS, **SMS_PAYLOADS}
TYPES = tuple(PAYLOADS)
ATTEMPT_TYPES = (*CALL_PAYLOADS, *RUN_PAYLOADS, *SMS_PAYLOADS)
#: The types of each kind of subject.
TYPES_BY_KIND = {
    **{
        kind: tuple(type_ for type_ in SUBJECT_PAYLOADS if type_.startswith(f"{kind}."))
        for kind in ("flow", "attribute", "execution", "contact")
    },
    "attempt": ATTEMPT_TYPES,
}
#: What a set may be about: everything, whole attempts, or nothing but the steps of a few.
FOCUSES = (TYPES, ATTEMPT_TYPES, (*RUN_PAYLOADS, "call.charged", "call.ended"))


def kind_of(type_: str) -> str:
    """The kind of subject that a type is about."""
    return next(kind for kind, types in TYPES_BY_KIND.items() if type_ in types)


def identity(event: RawEvent) -> tuple[str, ...]:
    """What makes an event the same event (events.md, rule 2)."""
    kind = kind_of(event["type"])
    return (event["organizationid"], kind, event["subject"], event["source"], event["id"])


@cache
def events(
    type_: str, subjects: int = len(SUBJECTS), organizations: int = len(ORGANIZATIONS)
) -> st.SearchStrategy[RawEvent]:
    """Events of one type, about so many subjects in so many organizations."""
    of_execution = kind_of(type_) == "execution"
    required: dict[str, st.SearchStrategy[Any]] = {
        "specversion": st.just("1.0"),
        "id": event_ids,
        "source": sources,
        "type": st.just(type_),
        "subject": st.sampled_from((EXECUTIONS if of_execution else SUBJECTS)[:subjects]),
        "time": instants,
        "organizationid": st.sampled_from(ORGANIZATIONS[:organizations]),
        "data": PAYLOADS[type_],
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "sequence": st.sampled_from((0, 2**53)),
        "dataschema": st.just("https://callfold.example/events/v1"),
    }
    if type_.startswith("contact.") and type_ != "contact.updated":
        required["executionid"] = executions
    else:
        optional["executionid"] = executions
    made: st.SearchStrategy[RawEvent] = record(required, optional)
    return made.map(_with_own_execution) if of_execution else made


def _with_own_execution(event: RawEvent) -> RawEvent:
    """An event of an execution names that one or none."""
    if event.get("executionid") is None:
        return event
    return {**event, "executionid": event["subject"]}


@st.composite
def event_sets(draw: st.DrawFn, size_max: int = 12) -> list[RawEvent]:
    """Events of a few subjects of all kinds or of one, each identity once."""
    subjects = draw(st.integers(1, len(SUBJECTS)))
    organizations = draw(st.integers(1, len(ORGANIZATIONS)))
    types = draw(st.sampled_from(FOCUSES))
    of_types = st.sampled_from(types).flatmap(lambda type_: events(type_, subjects, organizations))
    size_min = draw(st.integers(1, size_max // 2))
    return draw(st.lists(of_types, min_size=size_min, max_size=size_max, unique_by=identity))


@st.composite
def competitions(draw: st.DrawFn, types: Sequence[str], size_max: int = 5) -> list[RawEvent]:
    """Events of one subject that compete for the same facts, often at one instant or by one source.

    Only a few of the types take part at a time, so that the same one meets itself too.
    """
    rivals = draw(st.lists(st.sampled_from(types), min_size=1, max_size=4, unique=True))
    of_types = st.sampled_from(rivals).flatmap(lambda type_: events(type_, 1, 1))
    found = draw(st.lists(of_types, min_size=2, max_size=size_max, unique_by=identity))
    at, by = draw(st.none() | instants), draw(st.none() | sources)
    if at is not None:
        found = [{**event, "time": at} for event in found]
    if by is not None:
        found = [{**event, "source": by} for event in found]
    return list({identity(event): event for event in found}.values())
