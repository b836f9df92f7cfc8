"""Call executions: one call, those of an agent, those of a batch (reports.md, Call execution)."""

from functools import partial
from typing import Final

from litestar import Router, route

from services.read_api.call_execution.errors import ERRORS
from services.read_api.call_execution.reports import CallExecutionReports
from services.read_api.call_execution.request import read_array_request, read_page_request
from services.read_api.reading.answers import ReportAnswer
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.storage.call_queries import Owner

NOT_FOUND: Final = "Not found"


def call_execution_routes(reads: CallExecutionReports, requests: Requests) -> Router:
    """The routes of this vendor interface, with errors in its shape.

    What they read hangs on calls of any execution, so nothing of it is kept.
    """

    async def whose(request: AnyRequest, name: str) -> tuple[str, str]:
        """The organization of the key and the id of the path."""
        return await requests.organization(request), requests.path_id(request, name)

    async def array(request: AnyRequest, owner: Owner) -> ReportAnswer:
        organization_id, owner_id = await whose(request, owner)
        asked = read_array_request(request.scope["query_string"])
        return await requests.read(
            organization_id, partial(reads.array, organization_id, owner, owner_id, asked)
        )

    @route("/executions/{execution_id:str}", http_method=METHODS)
    async def execution(request: AnyRequest) -> ReportAnswer:
        organization_id, call_id = await whose(request, "execution_id")
        return await requests.read(organization_id, partial(reads.call, organization_id, call_id))

    @route("/v2/agent/{agent_id:str}/executions", http_method=METHODS)
    async def agent_page(request: AnyRequest) -> ReportAnswer:
        organization_id, agent_id = await whose(request, "agent_id")
        asked = read_page_request(request.scope["query_string"])
        return await requests.read(
            organization_id, partial(reads.page, organization_id, agent_id, asked)
        )

    @route("/agent/{agent_id:str}/executions", http_method=METHODS)
    async def agent_array(request: AnyRequest) -> ReportAnswer:
        return await array(request, "agent_id")

    @route("/batches/{batch_id:str}/executions", http_method=METHODS)
    async def batch_array(request: AnyRequest) -> ReportAnswer:
        return await array(request, "batch_id")

    @route("/batches/{batch_id:str}", http_method=METHODS)
    async def batch(request: AnyRequest) -> ReportAnswer:
        organization_id, batch_id = await whose(request, "batch_id")
        return await requests.read(organization_id, partial(reads.batch, organization_id, batch_id))

    return Router(
        "/",
        route_handlers=[execution, agent_page, agent_array, batch_array, batch],
        exception_handlers=ERRORS.handlers,
    )
