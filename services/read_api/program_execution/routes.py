"""The program-execution reports: `/program-execution/{executionId}/report…` (reports.md)."""

from functools import partial
from typing import Final

from litestar import Router, get, route

from services.read_api.program_execution.call_history_request import read_call_history_request
from services.read_api.program_execution.errors import ERRORS
from services.read_api.program_execution.reports import ProgramExecutionReports
from services.read_api.reading.answers import ReportAnswer
from services.read_api.reading.report_cache import ReportKey
from services.read_api.reading.report_stream import ReportStream
from services.read_api.requests import METHODS, AnyRequest, Requests

PREFIX: Final = "/program-execution"
NOT_FOUND: Final = "Execution not found"


def program_execution_routes(reads: ProgramExecutionReports, requests: Requests) -> Router:
    """The routes of this vendor interface, with errors in its shape."""

    async def whose(request: AnyRequest) -> tuple[str, str]:
        """The organization of the key and the execution of the path."""
        organization_id = await requests.organization(request)
        return organization_id, requests.path_id(request, "execution_id")

    @route("/report", http_method=METHODS)
    async def report(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.kept(ReportKey(*ids, "report"), partial(reads.main_report, *ids))

    @get("/report/stream")
    async def report_stream(request: AnyRequest) -> ReportStream:
        ids = await whose(request)
        key = ReportKey(*ids, "report")
        return await requests.stream(request, key, partial(reads.main_report, *ids))

    @route("/report/calls", http_method=METHODS)
    async def report_calls(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        asked = read_call_history_request(request.scope["query_string"])
        key = ReportKey(*ids, "calls", asked)
        return await requests.kept(key, partial(reads.call_history, *ids, asked))

    @route("/report/breakdown", http_method=METHODS)
    async def report_breakdown(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.kept(ReportKey(*ids, "breakdown"), partial(reads.breakdown, *ids))

    @route("/report/node-stats", http_method=METHODS)
    async def report_node_stats(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.kept(ReportKey(*ids, "node-stats"), partial(reads.node_stats, *ids))

    @route("/report/billing", http_method=METHODS)
    async def report_billing(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.kept(ReportKey(*ids, "billing"), partial(reads.billing, *ids))

    return Router(
        PREFIX + "/{execution_id:str}",
        route_handlers=[
            report,
            report_stream,
            report_calls,
            report_breakdown,
            report_node_stats,
            report_billing,
        ],
        exception_handlers=ERRORS.handlers,
    )
