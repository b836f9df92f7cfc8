"""Which subjects are not in the database as the log says, and in what.

Called by `repairing`, with subjects that were folded anew.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from msgspec import Struct
from psycopg import sql

from shared.contracts.event_types import Kind
from shared.folds.journal import unpack_positions
from shared.projections.state_cache import SubjectKey
from shared.storage.generations import schema_name
from shared.storage.subject_refold import Refold, RepairScope, Share
from shared.storage.tables import SUBJECT_TABLES

#: What may be wrong beside the columns of a row.
MISSING: Final = "missing"
UNEXPECTED: Final = "unexpected"
FLOW_VERSIONS: Final = "flow_versions"
#: Where a row has its revision; behind it begins what the log decides: state, records, positions.
REVISION: Final = 2
DECIDED: Final = 3
_POSITIONS: Final = 5
_CONTRIBUTION: Final = 6
#: Ids that come from the database at a time.
_IDS: Final = 5_000
_ROWS = (
    "SELECT {columns} FROM unnest(%s::text[]) AS k(id)"
    ' JOIN {table} AS t ON t.{id} = k.id COLLATE "C" WHERE t.organization_id = %s'
)
_VERSIONS = (
    "SELECT organization_id, flow_id, version, published_us, flow FROM {}"
    " WHERE organization_id = %s AND flow_id = ANY(%s) ORDER BY flow_id, version"
)
_FLOWS_OF_VERSIONS = " UNION SELECT flow_id FROM {} WHERE organization_id = %(organization_id)s"
#: As JSON an id has its quotes; longer texts that hold it do no harm.
_NAMING = " AND strpos(contribution, %(said)s) > 0"
_NAMING_OR_COLUMN = " AND (strpos(contribution, %(said)s) > 0 OR execution_id = %(execution_id)s)"


class Damage(Struct, frozen=True, rename="camel"):
    """A subject that is not in the database as the log says."""

    kind: str
    subject: str
    #: Columns that differ, or `missing`, `unexpected`, `flow_versions`.
    what: list[str]
    #: The database knows events of it that the log does not hold: perhaps it is the log that lost.
    beyond_log: bool


class Found(NamedTuple):
    """A damaged subject and the revision of its row; None where there is no row."""

    key: SubjectKey
    revision: int | None
    damage: Damage


class StoredSubjects:
    """The subjects of a scope as one generation holds them."""

    def __init__(self, connection: psycopg.Connection, generation: int, scope: RepairScope) -> None:
        """`connection` must be in autocommit, or within the caller's transaction."""
        self._connection = connection
        self._schema = schema_name(generation)
        self._scope = scope

    def known(self, share: Share) -> Iterator[SubjectKey]:
        """Subjects of the scope that have rows; flows always, for any execution may use them."""
        values = {
            **self._scope._asdict(),
            "said": msgspec.json.encode(self._scope.execution_id).decode(),
        }
        for kind, table in SUBJECT_TABLES.items():
            id_ = sql.Identifier(table.columns[1].name)
            statement = sql.SQL("SELECT {} FROM {} WHERE organization_id = %(organization_id)s")
            composed = statement.format(id_, self._table(table.name))
            if kind == Kind.FLOW:
                composed += sql.SQL(_FLOWS_OF_VERSIONS).format(self._table("flow_versions"))
            elif self._scope.execution_id is not None:
                has_column = "execution_id" in table.columns
                composed += sql.SQL(_NAMING_OR_COLUMN if has_column else _NAMING)
            for (subject,) in self._connection.cursor().stream(composed, values, size=_IDS):
                if share.has(subject):
                    yield kind, self._scope.organization_id, subject

    def compare(self, refold: Refold, keys: Sequence[SubjectKey]) -> list[Found]:
        """Which subjects differ; the generation is folded exactly as far as `refold`."""
        rows = self._rows(keys)
        versions = self._versions([key[2] for key in keys if key[0] == Kind.FLOW])
        found = []
        for key in keys:
            row, right = rows.get(key), refold.rows.get(key)
            what = _differing(key[0], row, right)
            if key[0] == Kind.FLOW and versions.get(key[2], []) != refold.flow_versions(key[2]):
                what.append(FLOW_VERSIONS)
            if what:
                damage = Damage(key[0], key[2], what, _is_beyond_log(row, right))
                found.append(Found(key, None if row is None else row[REVISION], damage))
        return found

    def delete(self, key: SubjectKey) -> None:
        """Delete a subject's row."""
        table = SUBJECT_TABLES[key[0]]
        statement = sql.SQL("DELETE FROM {} WHERE organization_id = %s AND {} = %s")
        id_ = sql.Identifier(table.columns[1].name)
        self._connection.execute(statement.format(self._table(table.name), id_), key[1:])

    def delete_versions(self, flows: Sequence[str]) -> None:
        """Delete the rows of the published versions of flows."""
        statement = sql.SQL("DELETE FROM {} WHERE organization_id = %s AND flow_id = ANY(%s)")
        values = (self._scope.organization_id, list(flows))
        self._connection.execute(statement.format(self._table("flow_versions")), values)

    def _rows(self, keys: Sequence[SubjectKey]) -> dict[SubjectKey, tuple[Any, ...]]:
        rows: dict[SubjectKey, tuple[Any, ...]] = {}
        for kind in {key[0] for key in keys}:
            table = SUBJECT_TABLES[kind]
            names = [column.name for column in table.columns]
            statement = sql.SQL(_ROWS).format(
                columns=sql.SQL(", ").join(sql.Identifier("t", name) for name in names),
                table=self._table(table.name),
                id=sql.Identifier(names[1]),
            )
            subjects = [key[2] for key in keys if key[0] == kind]
            values = (subjects, self._scope.organization_id)
            for row in self._connection.execute(statement, values, binary=True):
                said = row[_CONTRIBUTION].encode()
                rows[kind, row[0], row[1]] = (*row[:_CONTRIBUTION], said, *row[_CONTRIBUTION + 1 :])
        return rows

    def _versions(self, flows: list[str]) -> dict[str, list[tuple[Any, ...]]]:
        versions: dict[str, list[tuple[Any, ...]]] = {}
        if flows:
            statement = sql.SQL(_VERSIONS).format(self._table("flow_versions"))
            for row in self._connection.execute(statement, (self._scope.organization_id, flows)):
                versions.setdefault(row[1], []).append(row)
        return versions

    def _table(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)


def _differing(kind: str, row: tuple[Any, ...] | None, right: tuple[Any, ...] | None) -> list[str]:
    if row is None and right is None:
        return []
    if row is None or right is None:
        return [MISSING if row is None else UNEXPECTED]
    # Not SQLAlchemy's own kind of string.
    names = [str(column.name) for column in SUBJECT_TABLES[kind].columns]
    columns = list(zip(names, row, right, strict=True))[DECIDED:]
    return [name for name, found, said in columns if found != said]


def _is_beyond_log(row: tuple[Any, ...] | None, right: tuple[Any, ...] | None) -> bool:
    """Whether a journal names entries that the log does not hold of the subject."""
    if right is None:
        return True
    if row is None:
        return False
    try:
        known = unpack_positions(row[_POSITIONS])
    except (msgspec.DecodeError, ValueError):
        return False  # it names nothing
    return not set(known).issubset(unpack_positions(right[_POSITIONS]))
