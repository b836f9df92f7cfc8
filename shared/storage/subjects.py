"""Reads states back: what a projector's cache does not hold."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from shared.contracts.event_types import Kind
from shared.projections.state_cache import Kept, SubjectKey
from shared.storage.generations import schema_name
from shared.storage.tables import attempts, attributes, contacts, executions, flows

#: The table of each kind of subject; its second column is the subject's id.
SUBJECT_TABLES = {
    Kind.FLOW.value: flows,
    Kind.ATTRIBUTE.value: attributes,
    Kind.EXECUTION.value: executions,
    Kind.CONTACT.value: contacts,
    Kind.ATTEMPT.value: attempts,
}


class SubjectReader:
    """Reads subjects of one generation, one statement a kind."""

    def __init__(self, connection: psycopg.Connection, generation: int) -> None:
        """`connection` must be in autocommit: each statement sees what is committed by then."""
        self._connection = connection
        self._statements = {
            kind: sql.SQL(  # rendered once
                "SELECT t.organization_id, t.{id}, t.revision, t.state, t.records, t.positions,"
                " t.contribution FROM unnest(%s::text[], %s::text[]) AS k(organization_id, id)"
                ' JOIN {table} AS t ON t.organization_id = k.organization_id COLLATE "C"'
                ' AND t.{id} = k.id COLLATE "C"'
            )
            .format(
                id=sql.Identifier(table.columns[1].name),
                table=sql.Identifier(schema_name(generation), table.name),
            )
            .as_bytes()
            for kind, table in SUBJECT_TABLES.items()
        }

    def load(self, keys: Iterable[SubjectKey]) -> dict[SubjectKey, Kept]:
        """What the database holds of these subjects; unknown ones are left out."""
        by_kind: dict[str, tuple[list[str], list[str]]] = {}
        for kind, organization_id, subject in keys:
            organizations, subjects = by_kind.setdefault(kind, ([], []))
            organizations.append(organization_id)
            subjects.append(subject)
        found: dict[SubjectKey, Kept] = {}
        for kind, arrays in by_kind.items():
            cursor = self._connection.execute(self._statements[kind], arrays, binary=True)
            for organization_id, subject, revision, state, records, positions, text in cursor:
                kept = Kept(revision, state, records, positions, text.encode())
                found[kind, organization_id, subject] = kept
        return found
