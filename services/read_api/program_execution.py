"""The program-execution reports: `/program-execution/{executionId}/report…` (reports.md)."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from litestar import HttpMethod, Request, Router, route
from litestar.exceptions import HTTPException

from services.read_api import vendor_errors
from services.read_api.answers import ReportAnswer
from services.read_api.call_history_request import read_call_history_request
from services.read_api.fresh_reports import FreshReports
from services.read_api.program_execution_reports import ProgramExecutionReports
from services.read_api.report_cache import Reading, ReportKey
from shared.contracts.ids import is_id
from shared.contracts.instants import datetime_us
from shared.errors import StorageError
from shared.web_edge.authentication import KeyRing
from shared.web_edge.refusals import NotFound, Refusal

PREFIX: Final = "/program-execution"

_METHODS = (HttpMethod.GET, HttpMethod.HEAD)
_SCOPE = "read"
_Request = Request[Any, Any, Any]


def program_execution_routes(
    reads: ProgramExecutionReports,
    reports: FreshReports,
    keys: KeyRing,
    now: Callable[[], datetime],
) -> Router:
    """The routes of this vendor interface, with errors in its shape."""

    async def whose(request: _Request) -> tuple[str, str]:
        """The organization of the key and the execution of the path."""
        organization_id = await keys.organization(request.scope["headers"], _SCOPE)
        return organization_id, _execution_id(request)

    async def answered(key: ReportKey, reading: Reading) -> ReportAnswer:
        """The report as it stands at this request."""
        found, as_of_ms = await reports.find(key, reading)
        if found is None:
            raise _no_such_execution()
        incidents = reports.incidents(key.organization_id)
        return ReportAnswer(found.at(datetime_us(now())), as_of_ms, incidents)

    @route("/report", http_method=_METHODS)
    async def report(request: _Request) -> ReportAnswer:
        ids = await whose(request)
        return await answered(ReportKey(*ids, "report"), partial(reads.main_report, *ids))

    @route("/report/calls", http_method=_METHODS)
    async def report_calls(request: _Request) -> ReportAnswer:
        ids = await whose(request)
        asked = read_call_history_request(request.scope["query_string"])
        key = ReportKey(*ids, "calls", asked)
        return await answered(key, partial(reads.call_history, *ids, asked))

    @route("/report/breakdown", http_method=_METHODS)
    async def report_breakdown(request: _Request) -> ReportAnswer:
        ids = await whose(request)
        return await answered(ReportKey(*ids, "breakdown"), partial(reads.breakdown, *ids))

    @route("/report/node-stats", http_method=_METHODS)
    async def report_node_stats(request: _Request) -> ReportAnswer:
        ids = await whose(request)
        return await answered(ReportKey(*ids, "node-stats"), partial(reads.node_stats, *ids))

    @route("/report/billing", http_method=_METHODS)
    async def report_billing(request: _Request) -> ReportAnswer:
        ids = await whose(request)
        return await answered(ReportKey(*ids, "billing"), partial(reads.billing, *ids))

    return Router(
        PREFIX + "/{execution_id:str}",
        route_handlers=[report, report_calls, report_breakdown, report_node_stats, report_billing],
        exception_handlers={
            Refusal: vendor_errors.refused,
            StorageError: vendor_errors.unavailable,
            HTTPException: vendor_errors.misrouted,
            Exception: vendor_errors.failed,
        },
    )


def _execution_id(request: _Request) -> str:
    """The id in the path, decoded once; what cannot be an id is no execution."""
    try:
        execution_id = unquote_to_bytes(
            request.scope["path_params"]["execution_id"].encode("latin-1")
        ).decode()
    except UnicodeDecodeError:
        execution_id = ""
    if not is_id(execution_id):
        raise _no_such_execution()
    return execution_id


def _no_such_execution() -> NotFound:
    """One body for unknown and foreign ones: that an id is somebody else's is not told."""
    return NotFound("Execution not found")
