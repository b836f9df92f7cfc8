"""Rows of projections, written straight into the live generation for the read API's tests."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, insert, update

from shared.contracts.codec import decode_event
from shared.contracts.event_types import Kind
from shared.folds.execution import ExecutionState, evolve_execution
from shared.folds.states import encode_state
from shared.projections.subjects import PROJECT
from shared.storage import tables, tally_tables

ORGANIZATION = "acme"
EXECUTION = "spring"


def execution_event(
    type_: str, clock: str, data: dict[str, Any] | None = None, execution_id: str = EXECUTION
) -> dict[str, Any]:
    """An event of an execution at a UTC time of 2025-12-20."""
    return {
        "specversion": "1.0",
        "id": f"{type_}-{clock}",
        "source": "/dialer",
        "type": type_,
        "subject": execution_id,
        "time": f"2025-12-20T{clock}Z",
        "organizationid": ORGANIZATION,
        "data": data or {},
    }


@dataclass(frozen=True, slots=True)
class Generation:
    """Writes rows of one organization's execution into one generation."""

    engine: Engine
    organization_id: str = ORGANIZATION
    execution_id: str = EXECUTION
    number: int = 1

    def of(self, execution_id: str, organization_id: str = ORGANIZATION) -> "Generation":
        """The same for another execution."""
        return replace(self, execution_id=execution_id, organization_id=organization_id)

    def insert(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert rows of the organization."""
        with self._begin() as connection:
            connection.execute(
                insert(table), [{"organization_id": self.organization_id, **row} for row in rows]
            )

    def tally(self, table: Table, *rows: Sequence[Any]) -> None:
        """Insert rows of a tally of the execution; values follow the columns after its id."""
        names = [column.name for column in table.columns][1:]
        self.insert(
            table,
            *(dict(zip(names, (self.execution_id, *row), strict=True)) for row in rows),
        )

    def mention(self) -> None:
        """Let one subject name the execution, which is enough for it to exist."""
        self.tally(tally_tables.execution_mentions, (1,))

    def execution(self, *events: dict[str, Any]) -> None:
        """Give the execution the state that its own events fold into."""
        state: ExecutionState | None = None
        for event in events:
            state = evolve_execution(state, decode_event(msgspec.json.encode(event)))
        assert state is not None
        columns, _ = PROJECT[Kind.EXECUTION](self.execution_id, state)
        row = {"execution_id": self.execution_id, **columns._asdict()}  # type: ignore[attr-defined]
        self.insert(tables.executions, self._subject(state, **row))

    def flow(self, flow_id: str, version: int, published_us: int, **data: object) -> None:
        """Publish a version of a flow."""
        payload = {"name": "Menu", "version": version, "nodes": [], "edges": [], **data}
        self.insert(
            tables.flow_versions,
            {
                "flow_id": flow_id,
                "version": version,
                "published_us": published_us,
                "flow": msgspec.json.encode(payload).decode(),
            },
        )

    def attempts(self, *rows: dict[str, Any]) -> None:
        """Insert attempts of the execution: calls that completed unless a row says otherwise."""
        usual = {
            "kind": "call",
            "execution_id": self.execution_id,
            "contact_id": None,
            "attempt": 1,
            "from_number": "+212500000001",
            "to_number": "+212612345678",
            "direction": "outbound",
            "status": "completed",
            "outcome": "completed",
            "flow_outcome": None,
            "started_us": 0,
            "answered_us": None,
            "ended_us": None,
            "duration_ms": None,
            "total_cost": None,
            "number": 1,
        }
        self.insert(tables.attempts, *(self._subject(None, **usual | row) for row in rows))

    def calls(self, attempt: int, status: str, calls: int, flow_completed: int = 0) -> None:
        """Count calls that nobody was charged for, in the tallies alone."""
        self.tally(
            tally_tables.attempt_tallies,
            ("call", attempt, status, calls, flow_completed, 0, 0, 0, Decimal(0)),
        )

    def position(self, lane: int, archived_ms: int, folded_ms: int, vouched_ms: int) -> None:
        """Say how far a lane is archived, folded here, and was last seen empty."""
        with self._begin() as connection:
            connection.execute(
                update(tables.lanes)
                .where(tables.lanes.c.lane == lane)
                .values(ms=archived_ms, vouched_ms=vouched_ms)
            )
            connection.execute(delete(tables.positions).where(tables.positions.c.lane == lane))
            connection.execute(insert(tables.positions).values(lane=lane, ms=folded_ms, seq=0))

    def go_live(self) -> None:
        """Let this generation answer reports."""
        with self._begin() as connection:
            connection.execute(update(tables.installation).values(live_generation=self.number))

    def _subject(self, state: object, **row: object) -> dict[str, object]:
        return {
            "revision": 1,
            "state": encode_state(state),
            "records": b"",
            "positions": b"",
            "contribution": "{}",
            **row,
        }

    def _begin(self) -> AbstractContextManager[Connection]:
        engine = self.engine.execution_options(
            schema_translate_map={tables.GENERATION: f"gen_{self.number}"}
        )
        return engine.begin()
