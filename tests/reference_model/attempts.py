"""One attempt to reach one contact: a call, a run or a lone SMS, from the set of its events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests.reference_model.arithmetic import exact_sum
from tests.reference_model.event_set import (
    Event,
    earliest_at,
    merged_data,
    select,
    winner,
    winning_data,
)
from tests.reference_model.integers import integer_of
from tests.reference_model.steps import Step, steps_of
from tests.reference_model.times import span_ms

CALL, RUN, LONE_SMS = "call", "run", "sms"

#: Outcomes that the vendor's history knows; every other one shows as failed.
HISTORY_OUTCOMES = ("completed", "voicemail", "no_answer", "busy", "rejected", "failed")


class Attempt:
    """What the contract and reports.md say about one attempt. Times are aware UTC."""

    def __init__(self, attempt_id: str, events: list[Event]) -> None:
        """Take all events whose subject the attempt is; there is at least one."""
        self.id = attempt_id
        self.events = events
        self._initiated = merged_data(select(events, "call.initiated"))
        self._ends = select(events, "call.ended")
        self._end = winning_data(self._ends)

    @cached_property
    def kind(self) -> str:
        """`call`, `run` or `sms` (events.md, section 3)."""
        families = {event.family for event in self.events if event.type != "call.charged"}
        if "call" in families:
            return CALL
        if families & {"run", "node", "dtmf", "variable"}:
            return RUN
        return LONE_SMS if "sms" in families else CALL

    @property
    def execution_id(self) -> str | None:
        """The one execution it belongs to, None where no event names one."""
        won = winner([event for event in self.events if event.execution_id is not None])
        return won.execution_id if won else None

    @cached_property
    def request(self) -> dict[str, Any]:
        """What asked for it: `call.initiated`, of a lone SMS the winning `sms.requested`."""
        if self.kind == LONE_SMS:
            return winning_data(select(self.events, "sms.requested"))
        return self._initiated

    def said(self, key: str) -> Any:
        """`contactId`, `programId`, `flowId`, `flowVersion` as its own events say them, or None."""
        sources = [self._initiated, winning_data(select(self.events, "run.started")), self.request]
        return next((said[key] for said in sources if key in said), None)

    @property
    def contact_id(self) -> str | None:
        """Whom it tried to reach; None where unknown."""
        said: str | None = self.said("contactId")
        return said

    @property
    def last_at(self) -> datetime:
        """Its latest event, of whatever type."""
        return max(event.occurred_at for event in self.events)

    @property
    def end(self) -> dict[str, Any]:
        """Payload of the winning `call.ended`, empty while there is none."""
        return self._end

    @property
    def number(self) -> int:
        """Attempt number, from 1."""
        return int(self._initiated.get("attempt", 1))

    @property
    def direction(self) -> str:
        """`outbound` unless said otherwise."""
        return str(self._initiated.get("direction", "outbound"))

    @property
    def from_number(self) -> str | None:
        """Who called; None where unknown."""
        return self._initiated.get("from")

    @property
    def to_number(self) -> str | None:
        """Who was called; None where unknown."""
        return self._initiated.get("to")

    @property
    def started_at(self) -> datetime:
        """Its earliest event, of whatever type."""
        return min(event.occurred_at for event in self.events)

    @property
    def ended_at(self) -> datetime | None:
        """Earliest `call.ended`; None while it goes on."""
        return earliest_at(self._ends)

    @property
    def outcome(self) -> str | None:
        """Outcome as said, else derived; None until `call.ended`."""
        if not self._ends:
            return None
        if "outcome" in self._end:
            return str(self._end["outcome"])
        answers = select(self.events, "call.answered", "call.amd_completed")
        said = winning_data([event for event in answers if "answeredBy" in event.data])
        if said.get("answeredBy") == "machine":
            return "voicemail"
        return "completed" if select(self.events, "call.answered") else "failed"

    @property
    def history_status(self) -> str:
        """The vendor's status of a call (reports.md, "Call metrics")."""
        if self.outcome is None:
            return "ongoing"
        return self.outcome if self.outcome in HISTORY_OUTCOMES else "failed"

    @property
    def flow_outcome(self) -> str | None:
        """`call.ended`'s, else `run.ended`'s; None where neither says it."""
        run_end = winning_data(select(self.events, "run.ended"))
        said = self._end.get("flowOutcome", run_end.get("outcome"))
        return None if said is None else str(said)

    @property
    def duration_ms(self) -> int | None:
        """Duration of a call; None where unknown, and of everything that is no call."""
        if self.kind != CALL or self.ended_at is None:
            return None
        if "durationMs" in self._end:
            return int(self._end["durationMs"])
        answered_at = earliest_at(select(self.events, "call.answered"))
        return None if answered_at is None else span_ms(answered_at, self.ended_at)

    @property
    def charges(self) -> list[dict[str, Any]]:
        """Payloads of its `call.charged`."""
        return [event.data for event in select(self.events, "call.charged")]

    @property
    def cost(self) -> Decimal:
        """Sum of its charges, 0 without any."""
        return exact_sum(amount_of(charge) for charge in self.charges)

    @cached_property
    def steps(self) -> list[Step]:
        """Its steps, in no particular order."""
        return steps_of(self.events)


def amount_of(charge: dict[str, Any]) -> Decimal:
    """The exact amount, published as a JSON number or a string."""
    return Decimal(str(charge["amount"]))


def newest_first(attempts: Iterable[Attempt]) -> list[Attempt]:
    """By start, then by integer id, both descending."""
    return sorted(
        attempts, key=lambda attempt: (attempt.started_at, integer_of(attempt.id)), reverse=True
    )
