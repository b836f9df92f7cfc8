"""Reads executions and how far they are: one, or those that are not over."""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from shared.contracts.event_types import Kind
from shared.folds.states import FOLDS
from shared.reports.program_executions import ExecutionRows
from shared.storage.live_queries import LiveQueries


class _Row(NamedTuple):
    """One execution as the statements give it."""

    execution_id: str
    state: bytes | None
    contacts: dict[str, int] | None


class _Page(Struct, frozen=True, gc=False):
    """The answer of `program_executions.sql`."""

    total: int
    executions: list[_Row]


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_state = FOLDS[Kind.EXECUTION].decode


class ProgramExecutionQueries:
    """The questions about executions; errors as of `LiveQueries`."""

    def __init__(self, live: LiveQueries) -> None:
        self._live = live

    async def one(
        self, organization_id: str, execution_id: str
    ) -> tuple[int, ExecutionRows] | None:
        """The generation and the execution; None where no event names it."""
        ids = {"organization_id": organization_id, "execution_id": execution_id}
        generation, (found,) = await self._live.fetch("program_execution", ids)
        return None if found is None else (generation, _rows(_decode_row(found)))

    async def active(
        self, organization_id: str, *, skip: int, limit: int
    ) -> tuple[int, int, list[ExecutionRows]]:
        """The generation, how many executions are not over, and a page of them, newest first."""
        asked = {"organization_id": organization_id, "skip": skip, "limit": limit}
        generation, (found,) = await self._live.fetch("program_executions", asked)
        page = _decode_page(found or b"")
        return generation, page.total, [_rows(row) for row in page.executions]


def _rows(row: _Row) -> ExecutionRows:
    return ExecutionRows(
        execution_id=row.execution_id,
        state=None if row.state is None else _decode_state(row.state),
        contacts=row.contacts or {},
    )
