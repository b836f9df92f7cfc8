"""The workflow interface: `/v1/accounts/{accountId}/workflows/{workflowId}/executions…`."""

from functools import partial
from typing import Final

from litestar import Router, route

from services.read_api.reading.answers import ReportAnswer
from services.read_api.requests import METHODS, AnyRequest, Requests
from services.read_api.workflow.errors import ERRORS
from services.read_api.workflow.executions_request import read_executions_request
from services.read_api.workflow.reports import WorkflowReports
from shared.web_edge.refusals import NotFound

PREFIX: Final = "/v1/accounts"
#: Also of an account, workflow or execution of somebody else.
NOT_FOUND: Final = "Workflow execution not found"


def workflow_routes(reads: WorkflowReports, requests: Requests) -> Router:
    """The routes of this vendor interface, with errors in its shape."""

    async def whose(request: AnyRequest) -> tuple[str, str]:
        """The organization, which must be the account of the path, and the workflow."""
        organization_id = await requests.organization(request)
        if requests.path_id(request, "account_id") != organization_id:
            raise NotFound(requests.not_found)
        return organization_id, requests.path_id(request, "workflow_id")

    @route("/executions", http_method=METHODS)
    async def executions(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        asked = read_executions_request(request.scope["query_string"])
        return await requests.read(ids[0], partial(reads.executions, *ids, asked))

    @route("/executions/{execution_id:str}", http_method=METHODS)
    async def execution(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        execution_id = requests.path_id(request, "execution_id")
        return await requests.read(ids[0], partial(reads.execution, *ids, execution_id))

    return Router(
        PREFIX + "/{account_id:str}/workflows/{workflow_id:str}",
        route_handlers=[executions, execution],
        exception_handlers=ERRORS.handlers,
    )
