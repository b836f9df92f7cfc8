"""One table in two generations: which rows differ, and each as a report of what is different.

Rows of both sides are merged by key as they come, so that a table of any size takes the memory of
what the two cursors fetch at a time. Called by `comparing`.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from msgspec import UNSET
from sqlalchemy import Table

from shared.contracts.amounts import nano_decimal
from shared.folds.journal import content_hash
from shared.storage.comparing_causes import TallyCause, moves_between, tally_moves
from shared.storage.comparison import Cause, ColumnChange, RowDifference, Subject, TallyMove
from shared.storage.table_contents import (
    EVERYTHING,
    Added,
    Common,
    Key,
    Side,
    TableContents,
    compared_columns,
    key_columns,
)
from shared.storage.tally_tables import TALLY_TABLES

_TALLIES: Final = {str(table.name): table for table in TALLY_TABLES}


class DifferentRow(NamedTuple):
    """A row that is not the same on both sides; None where a side has none."""

    key: Key
    old: Any
    new: Any

    @property
    def what(self) -> Literal["missing", "unexpected", "changed"]:
        """What has become of it in the new generation."""
        if self.new is None:
            return "missing"
        return "unexpected" if self.old is None else "changed"


class TablePair:
    """One table in the old and in the new generation."""

    def __init__(
        self, table: Table, old: Side, new: Side, *, same_rules: bool, common: Common = EVERYTHING
    ) -> None:
        """`same_rules`: one version of the folds made both; `common`: what both have."""
        self.name = str(table.name)  # not SQLAlchemy's own kind of string
        self._old = TableContents(old, table, same_rules=same_rules, common=common)
        self._new = TableContents(new, table, same_rules=same_rules, common=common)
        self._key_columns = self._old.key_columns

    @property
    def sides(self) -> tuple[TableContents, TableContents]:
        """The old one and the new one."""
        return self._old, self._new

    def different_rows(self, organization_id: str) -> Iterator[DifferentRow]:
        """The rows of an organization that differ, in key order."""
        old, new = self._old.rows(organization_id), self._new.rows(organization_id)
        one, other = next(old, None), next(new, None)
        while one is not None or other is not None:
            if other is None or (one is not None and one.key < other.key):
                assert one is not None
                yield DifferentRow(one.key, one.said, None)
                one = next(old, None)
            elif one is None or other.key < one.key:
                yield DifferentRow(other.key, None, other.said)
                other = next(new, None)
            else:
                if one.said != other.said:
                    yield DifferentRow(one.key, one.said, other.said)
                one, other = next(old, None), next(new, None)

    def difference(self, row: DifferentRow) -> tuple[int, ...]:
        """Of a tally: new less old, where no row is as good as zeros."""
        nothing = (0,) * len(self._old.columns)
        numbers = zip(row.old or nothing, row.new or nothing, strict=True)
        return tuple(new - old for old, new in numbers)

    def added(
        self, organization_id: str, subjects: Collection[str]
    ) -> Iterator[tuple[str, Added, Added]]:
        """What subjects add in either generation."""
        old = self._old.added(organization_id, subjects)
        new = self._new.added(organization_id, subjects)
        for subject in subjects:
            yield subject, old.get(subject, Added()), new.get(subject, Added())

    def tally_difference(self, row: DifferentRow, cause: TallyCause) -> RowDifference:
        """A row of a tally with its numbers, and who is behind it."""
        numbers = zip(
            self._old.columns,
            row.old or (UNSET,) * len(cause.difference),
            row.new or (UNSET,) * len(cause.difference),
            cause.difference,
            strict=True,
        )
        return RowDifference(
            key=self._named_key(row.key),
            what=row.what,
            columns=[
                ColumnChange(name, *(_amount(name, number) for number in (old, new, difference)))
                for name, old, new, difference in numbers
                if difference
            ],
            cause=Cause(
                first=[Subject(kind, subject) for kind, _, subject in cause.behind.first],
                subjects=cause.behind.subjects,
                accounts_for_it=cause.is_accounted_for,
            ),
        )

    def row_difference(self, key: Key) -> RowDifference:
        """A row of any other table, read again on both sides."""
        old, new = self._old.row(key), self._new.row(key)
        before, after = old or {}, new or {}
        moves: list[TallyMove] = []
        if before.get("contribution") != after.get("contribution"):
            moves = self._moves(key)
        changes = [
            ColumnChange(name, _shown(before.get(name, UNSET)), _shown(after.get(name, UNSET)))
            for name in self._old.columns
            if before.get(name) != after.get(name) and not (name == "contribution" and moves)
        ]
        return RowDifference(
            key=self._named_key(key),
            what=DifferentRow(key, old, new).what,
            columns=changes,
            moves=moves,
        )

    def _moves(self, key: Key) -> list[TallyMove]:
        organization_id, subject = str(key[0]), str(key[1])
        ((_, old, new),) = self.added(organization_id, [subject])
        moves = moves_between(organization_id, old.contribution, new.contribution)
        return [_tally_move(*move) for move in tally_moves(moves)]

    def _named_key(self, key: Key) -> dict[str, str | int]:
        return dict(zip(self._key_columns, key, strict=True))


def _tally_move(tally: str, key: Key, numbers: tuple[int, ...]) -> TallyMove:
    table = _TALLIES[tally]
    named = zip(compared_columns(table, same_rules=True), numbers, strict=True)
    return TallyMove(
        tally=tally,
        key=dict(zip(key_columns(table), key, strict=True)),
        difference={name: _amount(name, number) for name, number in named if number},
    )


def _amount(column: str, number: Any) -> Any:
    """A number of a tally as people write it: amounts are kept in billionths."""
    return nano_decimal(number) if column == "cost" and number is not UNSET else number


def _shown(value: Any) -> Any:
    """A column as JSON can say it; of bytes only how many, and their hash."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes, hash {content_hash(value):08x}"
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    return value
