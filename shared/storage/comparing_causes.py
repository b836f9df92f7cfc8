"""Which subjects make tallies and executions differ between two generations.

`comparing` names the tally rows that differ, then every subject that adds something else than
before; here they are brought together. Held are the tally rows and executions that will be shown,
and the names of the other executions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shared.projections.contributions import Contribution, Differences
from shared.projections.state_cache import SubjectKey
from shared.storage.table_contents import Key
from shared.storage.tally_tables import TALLY_TABLES

_KEY_LENGTHS: Final = {str(table.name): len(table.primary_key.columns) for table in TALLY_TABLES}

#: Organization and execution.
ExecutionKey = tuple[str, str]


@dataclass(slots=True)
class Behind:
    """The subjects behind something: how many, and the first of them."""

    first: list[SubjectKey] = field(default_factory=list)
    subjects: int = 0

    def add(self, subject: SubjectKey, first_max: int) -> None:
        """One more."""
        self.subjects += 1
        if len(self.first) < first_max:
            self.first.append(subject)


@dataclass(slots=True)
class TallyCause:
    """Why a row of a tally differs; all numbers new less old, amounts in billionths."""

    difference: tuple[int, ...]
    moved: list[int]
    behind: Behind = field(default_factory=Behind)

    @property
    def is_accounted_for(self) -> bool:
        """Whether the contributions differ by exactly as much as the tally."""
        return tuple(self.moved) == self.difference


class Causes:
    """Tally rows and executions that differ, and who is behind them."""

    def __init__(self, shown_max: int) -> None:
        """Keep at most so many executions to show, and so many subjects behind each thing."""
        self._shown_max = shown_max
        #: By tally and key; filled by whoever shows that row.
        self.tallies: dict[tuple[str, Key], TallyCause] = {}
        #: The executions to show; of all that differ, those that have an unexplained difference.
        self.executions: dict[ExecutionKey, Behind] = {}
        self.unexplained: set[ExecutionKey] = set()
        self._explained: set[ExecutionKey] = set()
        self._balances: dict[str, int] = dict.fromkeys(_KEY_LENGTHS, 0)

    @property
    def executions_differing(self) -> int:
        """How many executions have a difference, explained ones too."""
        return len(self.unexplained | self._explained)

    @property
    def unbalanced(self) -> list[str]:
        """Tallies that differ by something else than the contributions do."""
        return [tally for tally, balance in self._balances.items() if balance]

    def tally_differs(
        self, tally: str, key: Key, difference: tuple[int, ...], *, is_explained: bool
    ) -> None:
        """Note by how much a row of a tally differs."""
        self._balance(tally, key, difference, 1)
        self.execution_differs((str(key[0]), str(key[1])), is_explained=is_explained)

    def _balance(self, tally: str, key: Key, numbers: tuple[int, ...], sign: int) -> None:
        """Add up differences by key, all in one number: each weighs as much as its place hashes."""
        for place, number in enumerate(numbers):
            self._balances[tally] += sign * number * hash((key, place))

    def execution_differs(self, key: ExecutionKey, *, is_explained: bool) -> None:
        """Note that something of an execution differs."""
        (self._explained if is_explained else self.unexplained).add(key)

    def choose_executions(self) -> None:
        """Show those noted so far that fit, unexplained ones first; later ones as room is left."""
        for keys in (self.unexplained, self._explained - self.unexplained):
            for key in sorted(keys):
                self._shown(key)

    def _shown(self, key: ExecutionKey) -> Behind | None:
        behind = self.executions.get(key)
        if behind is None and len(self.executions) < self._shown_max:
            behind = self.executions[key] = Behind()
        return behind

    def subject_differs(
        self,
        subject: SubjectKey,
        moves: Differences,
        named: set[str | None],
        *,
        is_explained: bool,
    ) -> None:
        """Note what a subject adds otherwise, and the executions that its rows belong to."""
        touched = {(subject[1], execution_id) for execution_id in named if execution_id is not None}
        for tally, key, numbers in tally_moves(moves):
            touched.add((subject[1], str(key[1])))
            self._balance(tally, key, numbers, -1)
            cause = self.tallies.get((tally, key))
            if cause is not None:
                cause.moved = [sum(pair) for pair in zip(cause.moved, numbers, strict=True)]
                cause.behind.add(subject, self._shown_max)
        for execution in sorted(touched):
            self.execution_differs(execution, is_explained=is_explained)
            behind = self._shown(execution)
            if behind is not None:
                behind.add(subject, self._shown_max)


def moves_between(organization_id: str, old: Contribution, new: Contribution) -> Differences:
    """What a subject adds in the new generation and not in the old one, less the other way."""
    moves = Differences()
    moves.move(organization_id, old, new)
    return moves


def tally_moves(moves: Differences) -> Iterator[tuple[str, Key, tuple[int, ...]]]:
    """Tally, key and numbers of all that is moved, amounts in billionths."""
    for tally, keys in _KEY_LENGTHS.items():
        for row in moves.rows(tally):
            yield tally, row[:keys], tuple(int(number) for number in row[keys:])
