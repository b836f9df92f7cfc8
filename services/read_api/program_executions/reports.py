"""What each route of executions reads, and how an answer is made of it."""

from services.read_api.reading.answers import Report, still
from shared.reports.program_executions import program_execution, program_executions
from shared.storage.program_execution_queries import ProgramExecutionQueries


class ProgramExecutionsReports:
    """Reads executions with their counters."""

    def __init__(self, queries: ProgramExecutionQueries) -> None:
        self._queries = queries

    async def one(self, organization_id: str, execution_id: str) -> Report | None:
        """An execution; None where the organization has none of this id."""
        found = await self._queries.one(organization_id, execution_id)
        if found is None:
            return None
        generation, rows = found
        return still(generation, program_execution(organization_id, rows))

    async def active(self, organization_id: str, page: int, limit: int) -> Report:
        """A page of those that are scheduled, running or paused."""
        generation, total, rows = await self._queries.active(
            organization_id, skip=(page - 1) * limit, limit=limit
        )
        executions = [program_execution(organization_id, one) for one in rows]
        return still(generation, program_executions(executions, total, page, limit))
