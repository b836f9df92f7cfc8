"""What one subject adds to the tallies, and how a batch sums up the differences.

The numbers of a tally's row always follow the column order of `storage/tables.py`.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.contracts.contact_events import CONTACT_STATUSES

#: kind, attempt number, status, flow completed, durations, milliseconds, billable, cost
AttemptTally = tuple[str, int, str, int, int, int, int, int]
#: node id, own node type, unique calls, steps, durations, milliseconds
NodeTally = tuple[str, str, int, int, int, int]
#: node id, digits, steps
DigitTally = tuple[str, str, int]
#: node type, node id, component, charges, cost, durations, milliseconds
CostTally = tuple[str, str, str, int, int, int, int]
#: program id as the attempt says it, empty where it says none; status of the campaign's item
ItemTally = tuple[str, str]
#: execution id, contact id; the status as its index into CONTACT_STATUSES, its time, and when the
#: contact's earliest status event was, in µs
EnrolmentTally = tuple[str, str, int, int, int]


class Contribution(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a subject adds; amounts are integers of a billionth. Kept as JSON beside the state."""

    #: Every execution that the subject's events name.
    mentions: list[str] = []
    #: The execution that the attempt belongs to; without one it adds to no tally.
    execution_id: str | None = None
    attempt: AttemptTally | None = None
    #: Of calls and lone SMS, whether or not they belong to an execution.
    item: ItemTally | None = None
    nodes: list[NodeTally] = []
    digits: list[DigitTally] = []
    costs: list[CostTally] = []
    #: Of a contact: execution and status of each enrolment, and the enrolment itself.
    enrolments: list[tuple[str, str]] = []
    enrolled: list[EnrolmentTally] = []


NOTHING: Final = Contribution()
encode_contribution = msgspec.json.Encoder().encode
decode_contribution = msgspec.json.Decoder(Contribution).decode

Key = tuple[str | int, ...]
_SKIPPED: Final = CONTACT_STATUSES.index("skipped")
#: Per tally table, per key: the numbers to add.
Sums = dict[str, dict[Key, list[int]]]

TALLIES: Final = (
    "execution_mentions",
    "contact_tallies",
    "enrolments",
    "skipped_contacts",
    "attempt_tallies",
    "item_tallies",
    "node_tallies",
    "digit_tallies",
    "cost_tallies",
)


class Differences:
    """Sums of contributions, by tally and key; what a batch adds to the tallies."""

    def __init__(self) -> None:
        """Start from nothing."""
        self.sums: Sums = {tally: {} for tally in TALLIES}

    def move(self, organization_id: str, before: Contribution, after: Contribution) -> None:
        """Put one contribution of a subject in the place of another."""
        if before.execution_id != after.execution_id:
            self.add(organization_id, before, -1)
            self.add(organization_id, after, 1)
            return
        gone, come = _without_shared(before, after)
        self.add(organization_id, gone, -1)
        self.add(organization_id, come, 1)

    def add(self, organization_id: str, contribution: Contribution, sign: int) -> None:
        """Add a contribution (`sign` 1) or take it back (`sign` -1)."""
        sums = self.sums
        for execution_id in contribution.mentions:
            _move(sums["execution_mentions"], (organization_id, execution_id), (1,), sign)
        for execution_id, status in contribution.enrolments:
            _move(sums["contact_tallies"], (organization_id, execution_id, status), (1,), sign)
        for execution_id, contact_id, *numbers in contribution.enrolled:
            key: Key = (organization_id, execution_id, contact_id)
            _move(sums["enrolments"], key, (1, *numbers), sign)
            if numbers[0] == _SKIPPED:
                _move(sums["skipped_contacts"], key, (1, numbers[1]), sign)
        if contribution.item is not None:
            program_id, status = contribution.item
            key = (organization_id, contribution.execution_id or "", program_id, status)
            _move(sums["item_tallies"], key, (1,), sign)
        if contribution.execution_id is None:
            return
        owner = (organization_id, contribution.execution_id)
        if contribution.attempt is not None:
            kind, number, status, *numbers = contribution.attempt
            _move(sums["attempt_tallies"], (*owner, kind, number, status), (1, *numbers), sign)
        for node_id, node_type, *numbers in contribution.nodes:
            _move(sums["node_tallies"], (*owner, node_id, node_type), numbers, sign)
        for node_id, digits, steps in contribution.digits:
            _move(sums["digit_tallies"], (*owner, node_id, digits), (steps,), sign)
        for node_type, node_id, component, *numbers in contribution.costs:
            _move(sums["cost_tallies"], (*owner, node_type, node_id, component), numbers, sign)

    def rows(self, tally: str) -> list[tuple[str | int, ...]]:
        """The rows to add, in key order, without those that change nothing."""
        return [(*key, *sum_) for key, sum_ in sorted(self.sums[tally].items()) if any(sum_)]


def _move(sums: dict[Key, list[int]], key: Key, numbers: Iterable[int], sign: int) -> None:
    old = sums.get(key)
    if old is None:
        sums[key] = [sign * number for number in numbers]
        return
    for index, number in enumerate(numbers):
        old[index] += sign * number


def _without_shared(one: Contribution, other: Contribution) -> tuple[Contribution, Contribution]:
    """Two contributions to one execution without the rows that both have: few events, few moves."""
    same_attempt, same_item = one.attempt == other.attempt, one.item == other.item
    ones: dict[str, list[Any]] = {}
    others: dict[str, list[Any]] = {}
    for name in ("mentions", "nodes", "digits", "costs", "enrolments", "enrolled"):
        rows, other_rows = getattr(one, name), getattr(other, name)
        if rows != other_rows:
            ones[name] = list(set(rows).difference(other_rows))
            others[name] = list(set(other_rows).difference(rows))
    return (
        Contribution(
            execution_id=one.execution_id,
            attempt=None if same_attempt else one.attempt,
            item=None if same_item else one.item,
            **ones,
        ),
        Contribution(
            execution_id=one.execution_id,
            attempt=None if same_attempt else other.attempt,
            item=None if same_item else other.item,
            **others,
        ),
    )
