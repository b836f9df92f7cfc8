"""Facts: what an event said, stamped so that competing ones have one winner.

A fact is a tuple (time in µs, rank of the type, source, id, what was said …). Tuples compare from
left to right and strings by code point, so the greatest fact is the winner of rule 3 (events.md);
two events never share a stamp, because source and id are unique within a subject. That also lets
a bare stamp be compared with a whole fact, so that a fact is only made for a winner.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

from shared.contracts.envelope import ABSENT, Event, json_text
from shared.contracts.event_types import RANKS

#: (time_us, rank, source, id)
Stamp = tuple[int, int, str, str]
#: A stamp and the keys that the event said, by wire name; handed-through JSON as bytes of text.
Said = tuple[int, int, str, str, dict[str, Any]]
#: A stamp and one text.
Text = tuple[int, int, str, str, str]


def stamp(event: Event) -> Stamp:
    """The stamp of an event."""
    return (event.time_us, RANKS[type(event)], event.source, event.id)


def said(of_event: Stamp, data: Struct) -> Said:
    """The fact of all keys that `data` says; null keys are absent keys (events.md, rule 4)."""
    return (*of_event, said_keys(data))


def said_keys(data: Struct) -> dict[str, Any]:
    """The keys that a payload says, by wire name."""
    keys: dict[str, Any] = {}
    for name, wire_name in _fields(type(data)):
        value = getattr(data, name)
        if value is None or value is ABSENT:
            continue
        if type(value) is Raw:
            value = json_text(value)
            if value is None:
                continue
        keys[wire_name] = value
    return keys


@cache
def _fields(payload_class: type[Struct]) -> tuple[tuple[str, str], ...]:
    names, wire_names = payload_class.__struct_fields__, payload_class.__struct_encode_fields__
    return tuple(zip(names, wire_names, strict=True))


def said_json(data: Struct) -> bytes:
    """A whole payload as JSON text, nested structs included, without absent keys."""
    return msgspec.json.encode(_said(data))


def _said(value: Any) -> Any:
    if isinstance(value, Struct):
        keys = {name: _said(item) for name, item in said_keys(value).items()}
        tag = value.__struct_config__.tag
        return {"type": tag, **keys} if tag is not None else keys
    if isinstance(value, list):
        return [_said(item) for item in value]
    return Raw(value) if isinstance(value, bytes) else value


def merge_keys(facts: Iterable[Said]) -> list[Said]:
    """Merge facts key by key: each key stays only with its winner (events.md, rule 3).

    Returns: the facts that still say something, greatest stamp first.
    """
    taken: set[str] = set()
    merged: list[Said] = []
    for fact in sorted(facts, key=lambda fact: fact[:4], reverse=True):
        keys = {key: value for key, value in fact[4].items() if key not in taken}
        if keys:
            merged.append((*fact[:4], keys))
            taken.update(keys)
    return merged


def merged_keys(facts: Iterable[Said]) -> dict[str, Any]:
    """The keys of merged facts as one dictionary."""
    return {key: value for fact in facts for key, value in fact[4].items()}
