"""One call with its path, costs and events: `/call-report/call/{callId}`.

The vendor's report of a job is not served: no event of the contract names a job.
"""

from functools import partial
from typing import Final

from litestar import Router, route

from services.read_api.program_execution.errors import ERRORS
from services.read_api.reading.answers import Report, ReportAnswer, still
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.reports.call_report import call_report
from shared.storage.workflow_queries import WorkflowQueries

PREFIX: Final = "/call-report"
NOT_FOUND: Final = "Call not found"


def call_report_routes(queries: WorkflowQueries, requests: Requests) -> Router:
    """The route, with errors in the shape of the program-execution vendor."""

    async def read(organization_id: str, call_id: str) -> Report | None:
        """None where the organization has no call of this id."""
        found = await queries.flow_run(organization_id, call_id)
        if found is None or found[1].row.kind != "call":
            return None
        generation, run = found
        return still(generation, call_report(run))

    @route("/call/{call_id:str}", http_method=METHODS)
    async def report(request: AnyRequest) -> ReportAnswer:
        organization_id = await requests.organization(request)
        call_id = requests.path_id(request, "call_id")
        return await requests.read(organization_id, partial(read, organization_id, call_id))

    return Router(PREFIX, route_handlers=[report], exception_handlers=ERRORS.handlers)
