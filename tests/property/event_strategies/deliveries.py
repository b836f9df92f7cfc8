"""How a set of events arrives: in which bytes, in which order, how often, in which batches."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from tests.property.event_strategies.events import RawEvent, event_sets

#: The flat list of names and values of a stream entry.
Fields = list[bytes]
#: Entries of each batch, in the order of their arrival.
Delivery = list[list[Fields]]

_encode = msgspec.json.Encoder(decimal_format="number").encode


#: Whether a batch ends before an entry: mostly not, so that batches take several reads.
_cuts = st.sampled_from((False, False, False, True))


class Spelling(NamedTuple):
    """Which of the many JSON texts of an event is sent."""

    #: With line breaks, and escapes for what is not ASCII.
    roomy: bool = False
    #: Binary content mode: a field per attribute. Attributes that are null cannot be said in it.
    binary: bool = False


def fields_of(event: RawEvent, spelling: Spelling) -> Fields:
    """The stream entry that says an event."""
    data = _text(event["data"], spelling)
    attributes = {name: value for name, value in event.items() if name != "data"}
    if not spelling.binary:
        envelope = _text(attributes, spelling).rstrip().removesuffix(b"}")
        return [b"event", envelope + b',"data":' + data + b"}"]
    fields: Fields = []
    for name, value in attributes.items():
        if value is not None:
            fields += [name.encode(), str(value).encode()]
    return [*fields, b"data", data]


def _text(value: object, spelling: Spelling) -> bytes:
    if not spelling.roomy:
        return _encode(value)
    spaced = msgspec.json.format(_encode(value), indent=1).decode()
    return "".join(char if char.isascii() else _escaped(char) for char in spaced).encode()


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class History(NamedTuple):
    """A set of events, and some ways in which just these events arrive."""

    events: list[RawEvent]
    deliveries: list[Delivery]


@st.composite
def histories(draw: st.DrawFn, deliveries: int = 2) -> History:
    """Sets of events, each delivered in several orders, with duplicates, in various batches.

    An event's text stays the same; it may come in either content mode each time.
    """
    events = draw(event_sets())
    roomy = draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    return History(events, [draw(delivered(events, roomy)) for _ in range(deliveries)])


@st.composite
def delivered(draw: st.DrawFn, events: Sequence[RawEvent], roomy: Sequence[bool]) -> Delivery:
    """Every event at least once, in any order; `roomy` says how each is spelled."""
    indices = range(len(events))
    again = draw(st.lists(st.sampled_from(indices), max_size=4))
    order = draw(st.permutations([*indices, *again]))
    modes = draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    cuts = draw(st.lists(_cuts, min_size=len(order), max_size=len(order)))
    batches: Delivery = [[]]
    for index, binary, cut in zip(order, modes, cuts, strict=True):
        if cut and batches[-1]:
            batches.append([])
        batches[-1].append(fields_of(events[index], Spelling(roomy[index], binary)))
    return batches
