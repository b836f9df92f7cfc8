"""States and contributions as JSON that an operator can read; used by `callfold replay`.

A state is made of structs, instants in microseconds, and facts: tuples that begin with a stamp
(shared/folds/facts.py). Here each becomes an object with names.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Raw, Struct

from shared.contracts.amounts import nano_decimal
from shared.contracts.event_types import EVENT_CLASSES, WIRE_NAMES
from shared.contracts.instants import us_datetime
from shared.folds.attempt import KEY_SEPARATOR
from shared.projections.contributions import Contribution

_STAMP = 4
_ATTEMPT = ("kind", "attempt", "status", "flowCompleted", "durations", "durationMs", "billable",
            "cost")  # fmt: skip
_NODE = ("nodeId", "nodeType", "uniqueCalls", "steps", "durations", "durationMs")
_DIGITS = ("nodeId", "digits", "steps")
_COST = ("nodeType", "nodeId", "component", "charges", "cost", "durations", "durationMs")
_CHARGED = ("cost", "charges", "durationMs", "durations")


def readable_state(state: Any) -> dict[str, Any]:
    """A state by the names of its fields in camel case, without what is empty."""
    fields: dict[str, Any] = {}
    for name in state.__struct_fields__:
        value = getattr(state, name)
        if value is None or value is UNSET or value is False or value in ([], {}, ""):
            continue
        if name == "charges":
            fields[name] = [_charge(key, charged) for key, charged in sorted(value.items())]
        elif name.endswith("_us"):
            fields[_camel(f"{name.removesuffix('_us')}_at")] = _instant(value)
        else:
            fields[_camel(name)] = _readable(value)
    return fields


def readable_contribution(contribution: Contribution) -> dict[str, Any]:
    """A contribution by the names of what it adds to; amounts are decimals."""
    said = {
        "mentions": contribution.mentions,
        "executionId": contribution.execution_id,
        "attempt": contribution.attempt and _named(_ATTEMPT, contribution.attempt),
        "nodes": [_named(_NODE, row) for row in contribution.nodes],
        "digits": [_named(_DIGITS, row) for row in contribution.digits],
        "costs": [_named(_COST, row) for row in contribution.costs],
        "enrolments": [
            {"executionId": execution_id, "status": status}
            for execution_id, status in contribution.enrolments
        ],
    }
    return {name: value for name, value in said.items() if value}


def _readable(value: Any) -> Any:
    if isinstance(value, Struct):
        return readable_state(value)
    if isinstance(value, bytes):
        return Raw(value) if value else None  # JSON, as it was handed through
    if isinstance(value, dict):
        return {str(key): _readable(item) for key, item in value.items()}
    if isinstance(value, tuple) and _is_fact(value):
        return _fact(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_readable(item) for item in value]
    return value


def _is_fact(value: Sequence[Any]) -> bool:
    kinds = tuple(type(item) for item in value[:_STAMP])
    return kinds == (int, int, str, str) and 0 <= value[1] < len(EVENT_CLASSES)


def _fact(value: tuple[Any, ...]) -> dict[str, Any]:
    time_us, rank, source, event_id, *said = value
    stamped = {
        "at": _instant(time_us),
        "type": WIRE_NAMES[EVENT_CLASSES[rank]],
        "source": source,
        "id": event_id,
    }
    if said:
        stamped["said"] = _readable(said[0] if len(said) == 1 else said)
    return stamped


def _charge(key: str, charged: tuple[str, int, str, int]) -> dict[str, Any]:
    node_type, node_id, component = key.split(KEY_SEPARATOR)
    nano, charges, duration_ms, durations = charged
    amounts = _named(_CHARGED, (int(nano), charges, int(duration_ms), durations))
    return {"nodeType": node_type, "nodeId": node_id, "component": component, **amounts}


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {
        name: str(nano_decimal(value)) if name == "cost" else value
        for name, value in zip(names, row, strict=True)
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return "".join((first, *(word.capitalize() for word in rest)))


def _instant(us: int) -> str:
    return us_datetime(us).isoformat().replace("+00:00", "Z")
