"""What comes of comparing two generations; also what `callfold rebuild --json` prints of it.

Encode it with `decimal_format="number"`. "Old" is the generation compared with, "new" the one that
was rebuilt; a difference is new less old. Made by `comparing`.
"""

from decimal import Decimal
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from shared.reports.figure_differences import FigureDifference


class ColumnChange(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One column of a row; absent where its side has no such row."""

    column: str
    old: Any = UNSET
    new: Any = UNSET
    #: Of the numbers of a tally; 0 stands for a row that is not there.
    difference: int | Decimal | UnsetType = UNSET


class TallyMove(Struct, frozen=True, rename="camel"):
    """What a subject adds to one row of a tally beyond what it added before."""

    tally: str
    key: dict[str, str | int]
    difference: dict[str, int | Decimal]


class Subject(Struct, frozen=True, rename="camel"):
    """Whose events the difference comes from."""

    kind: str
    id: str


class Cause(Struct, frozen=True, rename="camel"):
    """The subjects that add something else to a row of a tally."""

    #: The first of them, and how many there are.
    first: list[Subject]
    subjects: int
    #: Whether what they add differs by exactly as much as the tally does.
    accounts_for_it: bool


class RowDifference(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One row that is not the same on both sides."""

    key: dict[str, str | int]
    #: `missing` in the new generation, `unexpected` there, or `changed`.
    what: Literal["missing", "unexpected", "changed"]
    columns: list[ColumnChange] = []
    #: Of a subject.
    moves: list[TallyMove] = []
    #: Of a tally.
    cause: Cause | None = None


class TableDifference(Struct, frozen=True, kw_only=True, rename="camel"):
    """How one table compares. Rows of both numbers differ: explained ones are counted apart."""

    table: str
    old_rows: int
    new_rows: int
    missing: int = 0
    unexpected: int = 0
    changed: int = 0
    #: Rows that differ by what was parked before, and only by that.
    explained: int = 0
    #: The first rows that differ, in key order.
    first: list[RowDifference] = []
    first_explained: list[RowDifference] = []

    @property
    def unexplained(self) -> int:
        """Rows that differ for no known reason."""
        return self.missing + self.unexpected + self.changed


class SubjectDifference(Struct, frozen=True, rename="camel"):
    """A subject behind the differences of an execution."""

    subject: Subject
    difference: RowDifference


class ExecutionDifference(Struct, frozen=True, kw_only=True, rename="camel"):
    """What differs in the reports of one execution."""

    organization_id: str
    execution_id: str
    #: Nothing of it differs but by what was parked before.
    explained: bool
    figures: list[FigureDifference]
    #: Why there are no figures, where there are none to be had.
    unreadable: str | None = None
    #: The first subjects behind it, and how many there are.
    first: list[SubjectDifference]
    subjects: int


class WrongSum(Struct, frozen=True, rename="camel"):
    """A tally that is not the sum of its contributions, and in which generation."""

    generation: int
    tally: str


class Comparison(Struct, frozen=True, kw_only=True, rename="camel"):
    """Two generations at equal positions."""

    old_generation: int
    new_generation: int
    #: Nothing differs at all.
    equal: bool
    #: Something differs for no known reason.
    unexplained: bool
    #: Rows compared, of the larger side of each table, and organizations of either side.
    rows: int
    organizations: int
    tables: list[TableDifference]
    wrong_sums: list[WrongSum]
    #: Executions with a difference, and the first of them, unexplained ones first.
    executions_differing: int
    executions: list[ExecutionDifference]
