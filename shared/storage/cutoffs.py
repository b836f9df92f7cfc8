"""How far back a replay goes: which of the events known today were there at some moment."""

from enum import StrEnum
from typing import NamedTuple


class Clock(StrEnum):
    """Whose time of an event counts."""

    #: When the entry was archived, by the projector's clock: what could be known.
    LEARNED = "learned"
    #: The event's own `time`: what had happened.
    EVENT = "event"


class Cutoff(NamedTuple):
    """Everything up to a moment, that moment included."""

    at_us: int
    by: Clock

    def admits(self, event_us: int, received_ms: int) -> bool:
        """Whether an event of this `time`, archived then, was there."""
        return (event_us if self.by is Clock.EVENT else received_ms * 1000) <= self.at_us
