"""What one export reads, in one snapshot of one generation, as the role of one organization.

Called by the process that writes an export; blocking, over a connection of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from shared.contracts.event_types import Kind
from shared.errors import NOT_LAID_OUT, GenerationError, StorageError
from shared.folds.states import FOLD_VERSION, FOLDS
from shared.reports.call_export_columns import Attribute, CallExportColumns
from shared.reports.call_export_rows import ExportedCall
from shared.storage.connection import connect
from shared.storage.generations import schema_name
from shared.storage.read_pool import statement_text
from shared.storage.report_reading import ReportReader, ReportRows
from shared.storage.tenancy import READ_ROLE, SET_TENANT

#: The first row of a large campaign may take its time; without an answer the job must end.
_ANSWER_S: Final = 300.0
_PREPARE: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    f"SET LOCAL ROLE {READ_ROLE}",
    # A client that reads slowly stops the cursor; the process that writes has limits of its own.
    "SET LOCAL idle_in_transaction_session_timeout = '10min'",
    # A million calls are sorted with their states: in runs of this size, on the server's disk.
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
)
_CALL_TYPES: Final = (
    *(["text"] * 9),
    "int8",
    *(["text"] * 3),
    *(["int8"] * 4),
    "text",
    *(["bytea"] * 2),
)

_decode_attribute = FOLDS[Kind.ATTRIBUTE].decode


class ExportSnapshot:
    """One look at an execution of one organization.

    Attributes:
        generation: The live one, of which all of it is.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        generation: int,
        organization_id: str,
        execution_id: str,
    ) -> None:
        """`connection` is within a transaction; see `export_snapshot`."""
        self.generation = generation
        self._connection = connection
        self._schema = schema_name(generation)
        self._organization_id = organization_id
        self._execution_id = execution_id

    def reports(self) -> ReportRows | None:
        """What the reports are made of; None where the organization has no such execution."""
        return ReportReader(
            self._connection, self._schema, self._organization_id, self._execution_id
        ).reports()

    def attributes(self) -> list[Attribute]:
        """The attributes that are defined, in no order."""
        rows = self._connection.execute(
            statement_text("export_attributes", self._schema),
            {"organization_id": self._organization_id},
        ).fetchall()
        found = []
        for name, state in rows:
            latest = _decode_attribute(state).latest
            # A deletion says no key; a definition at least its display name.
            if latest is not None and "displayName" in latest[4]:
                found.append(Attribute(name, latest[4]["displayName"], latest[4].get("position")))
        return found

    def calls(self, columns: CallExportColumns) -> Iterator[ExportedCall]:
        """Every call in the order of the export; the server sends as fast as they are taken."""
        parameters = {
            "organization_id": self._organization_id,
            "execution_id": self._execution_id,
            "wants_steps": columns.wants_steps,
            "wants_attributes": columns.wants_attributes,
        }
        query = statement_text("export_calls", self._schema).rstrip()
        # COPY takes no parameters: the client's side puts them in, quoted.
        cursor = psycopg.ClientCursor(self._connection)
        with cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", parameters) as copy:
            copy.set_types(_CALL_TYPES)
            make: Any = ExportedCall._make
            yield from map(make, copy.rows())


@contextmanager
def export_snapshot(
    database_url: str, organization_id: str, execution_id: str
) -> Iterator[ExportSnapshot]:
    """A snapshot on a connection of its own, with the rights of the organization's reader.

    Raises:
        StorageError: the database is away or not laid out, or another release folded it.
    """
    try:
        with connect(database_url, "export", _ANSWER_S) as connection, connection.transaction():
            for statement in _PREPARE:
                connection.execute(statement)
            connection.execute(SET_TENANT, (organization_id,))
            generation = _live_generation(connection)
            yield ExportSnapshot(connection, generation, organization_id, execution_id)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise StorageError(NOT_LAID_OUT) from None
    except psycopg.OperationalError as error:
        raise StorageError("PostgreSQL does not answer") from error


def _live_generation(connection: psycopg.Connection) -> int:
    row = connection.execute(statement_text("live_generation")).fetchone()
    if row is None:
        raise StorageError(NOT_LAID_OUT)
    generation, fold_version = row
    if fold_version != FOLD_VERSION:
        raise GenerationError(f"generation {generation} is of another release")
    return int(generation)
