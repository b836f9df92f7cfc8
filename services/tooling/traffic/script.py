"""The script of one attempt: its events with their times, decided before any is handed out."""

from collections.abc import Mapping
from typing import Any

from services.tooling.traffic.dice import Dice, Ids
from services.tooling.traffic.ledger import AttemptLedger, ChargeTruth

#: (time in microseconds since the epoch, type, subject, data)
Moment = tuple[int, str, str, Mapping[str, Any]]


class AttemptScript:
    """Writes down an attempt's events at a moving now, and their truth in the ledger beside."""

    __slots__ = ("dice", "ids", "ledger", "moments", "now_us")

    def __init__(self, dice: Dice, ids: Ids, ledger: AttemptLedger, start_us: int) -> None:
        """Begin at a time, with nothing said."""
        self.dice = dice
        self.ids = ids
        self.ledger = ledger
        self.moments: list[Moment] = []
        self.now_us = start_us

    def wait(self, low_ms: int, high_ms: int) -> None:
        """Let some time pass."""
        self.now_us += self.dice.between_us(low_ms, high_ms)

    def say(self, event_type: str, data: Mapping[str, Any], *, after_us: int = 0) -> None:
        """An event about the attempt, now or after some time that nobody waits for."""
        subject = self.ledger.attempt_id
        self.moments.append((self.now_us + after_us, event_type, subject, data))

    def say_of_contact(
        self, event_type: str, data: Mapping[str, Any], *, after_us: int = 0
    ) -> None:
        """An event about the attempt's contact; nothing where there is none."""
        subject = self.ledger.contact_id
        if subject is not None:
            self.moments.append((self.now_us + after_us, event_type, subject, data))

    def charge(self, truth: ChargeTruth, amount: object, *, after_us: int) -> None:
        """A charge, said and noted; `amount` is the same amount as JSON will carry it."""
        data: dict[str, Any] = {"amount": amount}
        if truth.component is not None:
            data["component"] = truth.component
        if truth.node_id is not None:
            data["nodeId"] = truth.node_id
        if truth.node_type is not None:
            data["nodeType"] = truth.node_type
        if truth.duration_ms is not None:
            data["durationMs"] = truth.duration_ms
        self.ledger.charges.append(truth)
        self.say("call.charged", data, after_us=after_us)
