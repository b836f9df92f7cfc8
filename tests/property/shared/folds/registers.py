"""What flows, attributes, executions and contacts must remember, written down from events.md.

A register is one fact of a state: which types compete for it, what it must be for a set of events
as published, and where the state keeps it. `attempt_registers` has those of attempts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.property.event_strategies.events import TYPES_BY_KIND, RawEvent
from tests.property.rule_three import earliest_us, fact, known_keys, time_us

Events = list[RawEvent]

STATUSES = {
    "contact.enrolled": "pending",
    "contact.queued": "queued",
    "contact.calling": "calling",
    "contact.retry_scheduled": "pendingRetry",
    "contact.completed": "completed",
    "contact.failed": "failed",
    "contact.skipped": "skipped",
}
_ACTIVITY = ("execution.started", "execution.paused", "execution.resumed")
_TERMINAL = ("execution.completed", "execution.stopped", "execution.cancelled")
_PAUSED = {"manual": "paused", "no_credits": "paused_no_credits", "threshold": "paused_threshold"}


class Register(NamedTuple):
    """One fact of a state."""

    kind: str
    name: str
    types: tuple[str, ...]
    expected: Callable[[Events], Any]
    actual: Callable[[Any], Any]


def of(events: Events, *types: str) -> Events:
    """Events of some types."""
    return [event for event in events if event["type"] in types]


def saying(events: Events, key: str) -> Events:
    """Events whose payload says a key."""
    return [event for event in events if event["data"].get(key) is not None]


def key_of(key: str) -> Callable[[RawEvent], Any]:
    """What an event's payload says under a key."""
    return lambda event: event["data"][key]


def grouped(events: Events, key: Callable[[RawEvent], Any]) -> dict[Any, Events]:
    """Events by something they say."""
    groups: dict[Any, Events] = {}
    for event in events:
        groups.setdefault(key(event), []).append(event)
    return groups


def named_executions(events: Events) -> list[str]:
    """Every execution that any event names."""
    said = {event.get("executionid") for event in events}
    return sorted(execution_id for execution_id in said if execution_id is not None)


def without_nulls(value: Any) -> Any:
    """A value without null keys, at every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _flow(event: RawEvent) -> dict[str, Any]:
    """A published flow without null keys; `config`, `definition` and `value` stay whole."""
    flow = known_keys(event["data"])
    return {
        **flow,
        "nodes": [known_keys(node) for node in flow["nodes"]],
        "edges": [known_keys(edge) for edge in flow["edges"]],
    }


def _versions(events: Events) -> dict[str, Any]:
    versions = grouped(events, lambda event: str(event["data"]["version"]))
    return {number: (earliest_us(said), fact(said, _flow)) for number, said in versions.items()}


def _activity(event: RawEvent) -> str:
    return _PAUSED[event["data"]["reason"]] if "reason" in event["data"] else "running"


def _terminal(events: Events) -> Any:
    """The earliest; at equal times the higher rank (reports.md, Status)."""
    first = [event for event in events if time_us(event) == earliest_us(events)]
    won = fact(first, lambda event: event["type"].partition(".")[2])
    return None if won is None else (won[0], won[1], won[4])


def _profile(events: Events) -> dict[str, Any]:
    """Key by key; a null removes one, so it competes too."""
    profile = {}
    for key in ("firstName", "lastName", "phone", "email"):
        said = [event for event in events if key in event["data"]]
        profile[key] = fact(said, key_of(key))
    return {key: won for key, won in profile.items() if won is not None}


def _attributes(events: Events) -> dict[str, Any]:
    """Name by name; a null for all of them says nothing, one for a name removes it."""
    said = [
        {**event, "data": {"name": name, "value": value}}
        for event in events
        for name, value in (event["data"].get("attributes") or {}).items()
    ]
    names = grouped(said, lambda event: event["data"]["name"])
    return {name: fact(of_name, key_of("value")) for name, of_name in names.items()}


def _enrolments(events: Events) -> dict[str, Any]:
    enrolments = grouped(events, lambda event: event["executionid"])
    return {
        execution_id: (
            earliest_us(said),
            fact(said, lambda event: (STATUSES[event["type"]], known_keys(event["data"]))),
            fact(of(said, "contact.enrolled")),
        )
        for execution_id, said in enrolments.items()
    }


SUBJECT_REGISTERS = (
    Register(
        "flow",
        "versions",
        ("flow.published",),
        _versions,
        lambda state: {
            number: (version.published_us, version.published)
            for number, version in state.versions.items()
        },
    ),
    Register("attribute", "latest", TYPES_BY_KIND["attribute"], fact, lambda state: state.latest),
    Register(
        "execution",
        "scheduled",
        ("execution.scheduled",),
        lambda events: fact(events, lambda event: without_nulls(event["data"])),
        lambda state: state.scheduled,
    ),
    Register(
        "execution",
        "activity",
        _ACTIVITY,
        lambda events: fact(events, _activity),
        lambda state: state.activity,
    ),
    Register(
        "execution",
        "started",
        TYPES_BY_KIND["execution"],
        lambda events: earliest_us(of(events, "execution.started")),
        lambda state: state.started_us,
    ),
    Register("execution", "terminal", _TERMINAL, _terminal, lambda state: state.terminal),
    Register("contact", "profile", ("contact.updated",), _profile, lambda state: state.profile),
    Register(
        "contact", "attributes", ("contact.updated",), _attributes, lambda state: state.attributes
    ),
    Register(
        "contact",
        "enrolments",
        tuple(STATUSES),
        _enrolments,
        lambda state: {
            execution_id: (enrolment.first_us, enrolment.status, enrolment.enrolled)
            for execution_id, enrolment in state.enrolments.items()
        },
    ),
    *(
        Register(
            kind,
            "executions",
            TYPES_BY_KIND[kind],
            named_executions,
            lambda state: state.executions,
        )
        for kind in ("flow", "attribute", "contact", "attempt")
    ),
    *(
        Register(
            kind,
            "first and last",
            TYPES_BY_KIND[kind],
            lambda events: (min(map(time_us, events)), max(map(time_us, events))),
            lambda state: (state.first_us, state.last_us),
        )
        for kind in ("execution", "contact", "attempt")
    ),
)
