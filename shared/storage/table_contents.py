"""What the tables of one generation say: a hash for each organization, rows by key, single rows.

Called by `comparing`, which asks the same of two generations, each in a snapshot of its own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Table

from shared.contracts.amounts import NANO
from shared.contracts.event_types import Kind
from shared.folds.states import FOLDS
from shared.projections.contributions import NOTHING, Contribution, decode_contribution
from shared.reports.executions import read_execution
from shared.storage.generations import schema_name
from shared.storage.tables import SUBJECT_TABLES, executions
from shared.storage.tally_tables import TALLY_TABLES

#: Rows that a cursor fetches at a time.
FETCHED_ROWS: Final = 2_000
#: Batches differ between two folds of the same log, so revisions do too.
_NEVER_COMPARED: Final = frozenset({"revision"})
#: What another version of the folds may well write otherwise and mean the same by.
_OWN_TO_RULES: Final = frozenset({"state", "records", "positions"})

#: The values of a primary key, the organization first; ordered as the database orders them.
Key = tuple[str | int, ...]


class Side(NamedTuple):
    """A generation, and a connection in a transaction whose one snapshot is to be compared."""

    connection: psycopg.Connection
    generation: int


class Summary(NamedTuple):
    """Rows of one organization, and the sum of their hashes: no order, no batch changes it."""

    rows: int
    hashes: int


#: By organization.
Summaries = dict[str, Summary]


#: What a contribution says for a tally; the others are as old as the first release.
_KEYS_OF_TALLIES: Final = {
    "enrolments": "enrolled",
    "skipped_contacts": "enrolled",
    "item_tallies": "item",
}


class Common(NamedTuple):
    """What the tables of two generations have in common; None is everything."""

    columns: Mapping[str, Collection[str]] | None = None

    def has(self, table: Table) -> bool:
        """Whether both have the table."""
        return self.columns is None or table.name in self.columns

    def columns_of(self, table: Table, names: list[str]) -> list[str]:
        """Those of a table's columns that both have."""
        if self.columns is None:
            return names
        return [name for name in names if name in self.columns[str(table.name)]]

    @property
    def unknown_keys(self) -> list[str]:
        """Keys of contributions that one side knows nothing of."""
        if self.columns is None:
            return []
        unknown = {key for tally, key in _KEYS_OF_TALLIES.items() if tally not in self.columns}
        return sorted(unknown)


EVERYTHING: Final = Common()


def common_columns(one: Side, other: Side) -> Common:
    """What two generations have in common, which releases with other tables may have laid out."""
    mine, others = _columns(one), _columns(other)
    return Common({table: mine[table] & others[table] for table in mine.keys() & others.keys()})


def _columns(side: Side) -> dict[str, set[str]]:
    rows = side.connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        " WHERE table_schema = %s GROUP BY 1",
        (schema_name(side.generation),),
    )
    return {table: set(names) for table, names in rows}


class Row(NamedTuple):
    """A row in key order; what it says is equal on both sides or differs."""

    key: Key
    said: Any


class Added(NamedTuple):
    """What a subject adds to tallies, and the execution that its row belongs to, or is."""

    contribution: Contribution = NOTHING
    execution_id: str | None = None


class TableContents:
    """One table of one generation."""

    def __init__(
        self, side: Side, table: Table, *, same_rules: bool, common: Common = EVERYTHING
    ) -> None:
        """Ask one side.

        Args:
            same_rules: The other side's rows were made by the same version of the folds.
            common: What both sides have; another release may have laid one of them out.
        """
        self._connection = side.connection
        self._common = common
        self._table = table
        self._place = sql.Identifier(schema_name(side.generation), table.name)
        self.key_columns: list[str] = key_columns(table)
        self.columns: list[str] = common.columns_of(
            table, compared_columns(table, same_rules=same_rules)
        )
        self._kept = _kept(table, self.columns)
        #: Executions of another version's folds are compared by what the reports read of them.
        self._by_meaning = table is executions and not same_rules

    def summaries(self) -> Summaries:
        """Rows and hash by organization, in one pass over the table."""
        statement = sql.SQL(
            "SELECT organization_id, count(*), sum({hash}) FROM {place} WHERE {kept} GROUP BY 1"
        ).format(hash=self._hash(), place=self._place, kept=self._kept)
        found = self._connection.execute(statement).fetchall()
        return {organization: Summary(rows, int(hashes)) for organization, rows, hashes in found}

    def _hash(self) -> sql.Composed:
        """A row's hash, which is not a sum over columns: else rows could trade their values.

        The hash of a record adds up those of its columns; here each is seeded with the key's.
        Numerics hash alike at any scale.
        """
        return sql.SQL(
            "hash_record_extended(ROW({said}), hash_record_extended(ROW({key}), 0))"
        ).format(said=self._said(), key=_names(self.key_columns))

    def rows(self, organization_id: str) -> Iterator[Row]:
        """Every row of an organization in key order, through a cursor: tallies by their numbers."""
        said, read = self._reading()
        statement = sql.SQL(
            "SELECT {key}, {said} FROM {place}"
            " WHERE organization_id = %s AND ({kept}) ORDER BY {key}"
        ).format(key=_names(self.key_columns), said=said, place=self._place, kept=self._kept)
        keys = len(self.key_columns)
        with self._connection.cursor(f"rows of {self._table.name}") as cursor:
            cursor.itersize = FETCHED_ROWS
            cursor.execute(statement, (organization_id,))
            for row in cursor:
                yield Row(row[:keys], read(row[keys:]))

    def _reading(self) -> tuple[sql.Composable, Callable[[Sequence[Any]], Any]]:
        if self._table in TALLY_TABLES:
            return _names(self.columns), self._integers
        if self._by_meaning:
            return sql.Identifier("state"), lambda said: _meaning(said[0])
        return self._hash(), lambda said: said[0]

    def _integers(self, numbers: Sequence[Any]) -> tuple[int, ...]:
        """The numbers of a tally as contributions have them: amounts in billionths."""
        named = zip(self.columns, numbers, strict=True)
        return tuple(_nano(value) if name == "cost" else int(value) for name, value in named)

    def _said(self) -> sql.Composed:
        """The compared columns; of a contribution only what both sides' releases know."""
        return sql.SQL(", ").join(
            self._contribution() if name == "contribution" else sql.Identifier(name)
            for name in self.columns
        )

    def _contribution(self) -> sql.Composable:
        if not self._common.unknown_keys:
            return sql.Identifier("contribution")
        return sql.SQL("(contribution::jsonb - {}::text[])::text").format(
            list(self._common.unknown_keys)
        )

    def row(self, key: Key) -> dict[str, Any] | None:
        """The compared columns of one row; None where there is none."""
        statement = sql.SQL("SELECT {said} FROM {place} WHERE ({key}) = ({values})").format(
            said=self._said(),
            place=self._place,
            key=_names(self.key_columns),
            values=sql.SQL(", ").join([sql.Placeholder()] * len(key)),
        )
        row = self._connection.execute(statement, key).fetchone()
        return None if row is None else dict(zip(self.columns, row, strict=True))

    def added(self, organization_id: str, subjects: Collection[str]) -> Mapping[str, Added]:
        """What subjects add; one that is not there is left out."""
        has_execution = "execution_id" in self._table.columns
        statement = sql.SQL(
            "SELECT {id}, {contribution}, {execution} FROM {place}"
            " WHERE organization_id = %s AND {id} = ANY(%s)"
        ).format(
            id=sql.Identifier(self.key_columns[-1]),
            contribution=self._contribution(),
            execution=sql.Identifier("execution_id") if has_execution else sql.NULL,
            place=self._place,
        )
        found = self._connection.execute(statement, (organization_id, list(subjects))).fetchall()
        return {
            subject: Added(decode_contribution(text), execution_id)
            for subject, text, execution_id in found
        }


def key_columns(table: Table) -> list[str]:
    """The columns of the primary key, the organization first."""
    return [str(column.name) for column in table.primary_key.columns]


def compared_columns(table: Table, *, same_rules: bool) -> list[str]:
    """The columns, beside the key, that say something of the log and not of how it was folded."""
    left_out = set(_NEVER_COMPARED)
    if not same_rules and table in SUBJECT_TABLES.values():
        left_out |= _OWN_TO_RULES - ({"state"} if table is executions else set())
    left_out.update(key_columns(table))
    return [str(column.name) for column in table.columns if column.name not in left_out]


def _kept(table: Table, numbers: list[str]) -> sql.Composable:
    """Which rows count: a tally that came back to nothing is none."""
    if table not in TALLY_TABLES:
        return sql.SQL("true")
    return sql.SQL(" OR ").join(sql.SQL("{} <> 0").format(sql.Identifier(n)) for n in numbers)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _nano(amount: Any) -> int:
    numerator, denominator = amount.as_integer_ratio()
    return int(numerator * NANO // denominator)


def _meaning(state: bytes) -> Any:
    """An execution as its reports see it; the bytes of one that this release cannot read."""
    try:
        return read_execution(FOLDS[Kind.EXECUTION].decode(state))
    except msgspec.DecodeError:
        return state
