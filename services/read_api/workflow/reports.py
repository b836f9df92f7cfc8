"""What each workflow route reads, and how an answer is made of it."""

from services.read_api.reading.answers import Report, still
from shared.reports.workflow_execution import workflow_execution, workflow_executions
from shared.storage.workflow_queries import RunsAsked, WorkflowQueries


class WorkflowReports:
    """Reads executions of workflows; None where the organization has no such thing."""

    def __init__(self, queries: WorkflowQueries) -> None:
        self._queries = queries

    async def execution(
        self, organization_id: str, workflow_id: str, execution_id: str
    ) -> Report | None:
        """One execution; one of another workflow is none."""
        found = await self._queries.flow_run(organization_id, execution_id)
        if found is None or found[1].choice.flow_id != workflow_id:
            return None
        generation, run = found
        return still(generation, workflow_execution(run))

    async def executions(
        self, organization_id: str, workflow_id: str, asked: RunsAsked
    ) -> Report | None:
        """A page of a workflow's executions."""
        found = await self._queries.runs(organization_id, workflow_id, asked)
        if found is None:
            return None
        answer = workflow_executions(found.summaries, found.total, asked.offset, asked.limit)
        return still(found.generation, answer)
