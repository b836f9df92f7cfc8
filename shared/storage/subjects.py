"""Reads states back: what a projector's cache does not hold."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from shared.contracts.event_types import Kind
from shared.projections.state_cache import Kept, SubjectKey
from shared.storage.generations import schema_name

#: The table of each kind of subject, and its column of the subject's id. By name, not from
#: `tables`: commands that only read must begin at once, and SQLAlchemy takes its time to load.
SUBJECT_TABLES = {
    Kind.FLOW.value: ("flows", "flow_id"),
    Kind.ATTRIBUTE.value: ("attributes", "attribute"),
    Kind.EXECUTION.value: ("executions", "execution_id"),
    Kind.CONTACT.value: ("contacts", "contact_id"),
    Kind.ATTEMPT.value: ("attempts", "attempt_id"),
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
                id=sql.Identifier(subject_id),
                table=sql.Identifier(schema_name(generation), table),
            )
            .as_bytes()
            for kind, (table, subject_id) in SUBJECT_TABLES.items()
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
