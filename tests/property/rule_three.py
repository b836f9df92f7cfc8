"""Rule 3 of events.md in plain words, for tests: who wins among events as published.

Nothing here is shared with the product; `tests/reference_model` lends the ranks and the clock.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.property.event_strategies.events import RawEvent
from tests.reference_model.event_set import EVENT_TYPES
from tests.reference_model.times import parse_instant

#: (microseconds, rank, source, id)
Stamp = tuple[int, int, str, str]


def time_us(event: RawEvent) -> int:
    """Microseconds of an event's time."""
    since = parse_instant(event["time"]) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)


def stamp_of(event: RawEvent) -> Stamp:
    """What decides, in the order in which it decides."""
    return (time_us(event), EVENT_TYPES.index(event["type"]), event["source"], event["id"])


def beats(event: RawEvent, other: RawEvent) -> bool:
    """Whether an event wins over another one, as the rule is written."""
    if time_us(event) != time_us(other):
        return time_us(event) > time_us(other)
    if event["type"] != other["type"]:
        return EVENT_TYPES.index(event["type"]) > EVENT_TYPES.index(other["type"])
    if event["source"] != other["source"]:
        return bool(event["source"] > other["source"])
    return bool(event["id"] > other["id"])


def winner(events: Iterable[RawEvent]) -> RawEvent | None:
    """The event that no other one beats, None among none."""
    rivals = list(events)
    unbeaten = [
        event
        for event in rivals
        if not any(beats(rival, event) for rival in rivals if rival is not event)
    ]
    assert len(unbeaten) == bool(rivals)
    return unbeaten[0] if unbeaten else None


def fact(
    events: Iterable[RawEvent], say: Callable[[RawEvent], Any] | None = None
) -> tuple[Any, ...] | None:
    """The stamp of the winner and what it says; by default all keys that are not null."""
    won = winner(events)
    if won is None:
        return None
    said = say(won) if say is not None else known_keys(won["data"])
    return (*stamp_of(won), *(said if isinstance(said, tuple) else (said,)))


def known_keys(data: dict[str, Any]) -> dict[str, Any]:
    """A payload without the keys that are null; what is handed through stays whole."""
    return {key: value for key, value in data.items() if value is not None}


def earliest_us(events: Iterable[RawEvent]) -> int | None:
    """The smallest time, None among none."""
    return min(map(time_us, events), default=None)
