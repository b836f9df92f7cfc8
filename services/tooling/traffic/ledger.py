"""What is true of one attempt, noted while it is decided and never read back from its events."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

AttemptKind = Literal["call", "run", "sms"]


class StepTruth(NamedTuple):
    """One step; `own_type` is what its events say, `duration_ms` None without an exit."""

    node_id: str
    own_type: str | None
    duration_ms: int | None


class ChargeTruth(NamedTuple):
    """One charge in billionths, under the keys that its event carries."""

    node_type: str | None
    node_id: str | None
    component: str | None
    amount_nano: int
    duration_ms: int | None


@dataclass(slots=True)
class AttemptLedger:
    """The truth of one attempt; complete before the first of its events is handed out.

    Attributes:
        outcome: The call's outcome as the reports must find it; None while it is ongoing.
        duration_ms: As reports.md, Duration of a call; None where unknown.
        digits: (node id, final input) of each step that received digits.
    """

    kind: AttemptKind
    attempt_id: str
    contact_id: str | None
    attempt_number: int = 1
    outcome: str | None = None
    flow_outcome: str | None = None
    duration_ms: int | None = None
    steps: list[StepTruth] = field(default_factory=list)
    digits: list[tuple[str, str]] = field(default_factory=list)
    charges: list[ChargeTruth] = field(default_factory=list)
