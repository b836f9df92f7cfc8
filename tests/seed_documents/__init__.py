"""The example documents that each interface's vendor prints, and events that yield them.

A module an interface: `EVENTS` are what a telephony system would have published, `EXAMPLE` is the
vendor's document word for word, `DECIDED` names each place where the example contradicts itself
and what `reports.md` makes of it. The unit tests of the reference model and the whole-system test
of the product both ask for them.
"""

from collections.abc import Mapping
from copy import deepcopy
from itertools import count
from typing import Any

ORGANIZATION = "seeds"

Event = dict[str, Any]

_NUMBERS = count()


def event(type_: str, subject: str, time: str, data: Event | None = None, **envelope: str) -> Event:
    """Build one event; `envelope` may name the `executionid`."""
    number = next(_NUMBERS)
    return {
        "specversion": "1.0",
        "id": f"seed-{number}",
        "source": "/seeds",
        "sequence": number,
        "type": type_,
        "subject": subject,
        "time": time,
        "organizationid": ORGANIZATION,
        "data": data or {},
        **envelope,
    }


def decided(example: dict[str, Any], decisions: Mapping[str, Any]) -> dict[str, Any]:
    """The example with what was decided in the places of its contradictions, `a.b` for nesting."""
    document = deepcopy(example)
    for path, value in decisions.items():
        place = document
        *parents, last = path.split(".")
        for key in parents:
            place = place[key]
        assert last in place, f"{path} is no place of the example"
        place[last] = value
    return document
