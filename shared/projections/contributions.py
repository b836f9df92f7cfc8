"""What one subject adds to the tallies, and how a batch sums up the differences.

The numbers of a tally's row always follow the column order of `storage/tables.py`.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

#: kind, attempt number, status, flow completed, durations, milliseconds, billable, cost
AttemptTally = tuple[str, int, str, int, int, int, int, int]
#: node id, own node type, unique calls, steps, durations, milliseconds
NodeTally = tuple[str, str, int, int, int, int]
#: node id, digits, steps
DigitTally = tuple[str, str, int]
#: node type, node id, component, charges, cost, durations, milliseconds
CostTally = tuple[str, str, str, int, int, int, int]


class Contribution(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a subject adds; amounts are integers of a billionth. Kept as JSON beside the state."""

    #: Every execution that the subject's events name.
    mentions: list[str] = []
    #: The execution that the attempt belongs to; without one it adds to no tally.
    execution_id: str | None = None
    attempt: AttemptTally | None = None
    nodes: list[NodeTally] = []
    digits: list[DigitTally] = []
    costs: list[CostTally] = []
    #: Of a contact: execution and status of each enrolment.
    enrolments: list[tuple[str, str]] = []


NOTHING: Final = Contribution()
encode_contribution = msgspec.json.Encoder().encode
decode_contribution = msgspec.json.Decoder(Contribution).decode

Key = tuple[str | int, ...]
#: Per tally table, per key: the numbers to add.
Sums = dict[str, dict[Key, list[int]]]

TALLIES: Final = (
    "execution_mentions",
    "contact_tallies",
    "attempt_tallies",
    "node_tallies",
    "digit_tallies",
    "cost_tallies",
)


class Differences:
    """Sums of contributions, by tally and key; what a batch adds to the tallies."""

    def __init__(self) -> None:
        """Start from nothing."""
        self.sums: Sums = {tally: {} for tally in TALLIES}

    def add(self, organization_id: str, contribution: Contribution, sign: int) -> None:
        """Add a contribution (`sign` 1) or take it back (`sign` -1)."""
        for execution_id in contribution.mentions:
            self._move("execution_mentions", (organization_id, execution_id), (sign,))
        for execution_id, status in contribution.enrolments:
            self._move("contact_tallies", (organization_id, execution_id, status), (sign,))
        execution_id_or_none, attempt = contribution.execution_id, contribution.attempt
        if execution_id_or_none is None or attempt is None:
            return
        owner = (organization_id, execution_id_or_none)
        numbers = (sign, *[sign * number for number in attempt[3:]])
        self._move("attempt_tallies", owner + attempt[:3], numbers)
        self._move_all("node_tallies", owner, 2, contribution.nodes, sign)
        self._move_all("digit_tallies", owner, 2, contribution.digits, sign)
        self._move_all("cost_tallies", owner, 3, contribution.costs, sign)

    def _move_all(
        self,
        tally: str,
        owner: tuple[str, str],
        key_length: int,
        rows: Iterable[tuple[Any, ...]],
        sign: int,
    ) -> None:
        sums = self.sums[tally]
        for row in rows:
            key = owner + row[:key_length]
            old = sums.get(key)
            if old is None:
                sums[key] = [sign * number for number in row[key_length:]]
            else:
                for index, number in enumerate(row[key_length:]):
                    old[index] += sign * number

    def _move(self, tally: str, key: Key, numbers: tuple[int, ...]) -> None:
        sums = self.sums[tally]
        old = sums.get(key)
        sums[key] = (
            list(numbers) if old is None else [a + b for a, b in zip(old, numbers, strict=True)]
        )

    def rows(self, tally: str) -> list[tuple[str | int, ...]]:
        """The rows to add, in key order, without those that change nothing."""
        return [(*key, *sum_) for key, sum_ in sorted(self.sums[tally].items()) if any(sum_)]
