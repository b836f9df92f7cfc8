"""The program-execution reports: `/program-execution/{executionId}/report…` (reports.md)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

from litestar import HttpMethod, Request, Router, route
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse

from services.read_api import vendor_errors
from services.read_api.answers import report_answer
from services.read_api.authentication import KeyRing
from services.read_api.call_history_request import read_call_history_request
from services.read_api.refusals import NotFound, Refusal
from shared.contracts.ids import is_id
from shared.contracts.instants import datetime_us
from shared.errors import StorageError
from shared.reports.billing import billing_report
from shared.reports.breakdown import breakdown
from shared.reports.call_history import call_history, next_place
from shared.reports.main_report import main_report
from shared.reports.node_stats import node_stats
from shared.storage.report_queries import ReportQueries, Snapshot

PREFIX: Final = "/program-execution"

_METHODS = (HttpMethod.GET, HttpMethod.HEAD)
_SCOPE = "read"
_Rows = TypeVar("_Rows")
_Request = Request[Any, Any, Any]


def program_execution_routes(
    queries: ReportQueries, keys: KeyRing, now: Callable[[], datetime]
) -> Router:
    """The routes of this vendor interface, with errors in its shape."""

    async def whose(request: _Request) -> tuple[str, str]:
        """The organization of the key and the execution of the path."""
        organization_id = await keys.organization(request.scope["headers"], _SCOPE)
        return organization_id, _execution_id(request)

    @route("/report", http_method=_METHODS)
    async def report(request: _Request) -> ASGIResponse:
        organization_id, execution_id = await whose(request)
        found = _existing(await queries.main_report(organization_id, execution_id))
        ids, now_us = (organization_id, execution_id), datetime_us(now())
        answer = main_report(*ids, found.execution, found.flow, found.rows, now_us)
        return report_answer(answer, found, request.scope["headers"])

    @route("/report/calls", http_method=_METHODS)
    async def report_calls(request: _Request) -> ASGIResponse:
        organization_id, execution_id = await whose(request)
        asked = read_call_history_request(request.scope["query_string"])
        found = _existing(
            await queries.call_history(
                organization_id,
                execution_id,
                limit=asked.limit,
                skip=asked.skip,
                after=asked.after,
                status=asked.status,
                contact_id=asked.contact_id,
            )
        )
        place = next_place(found.rows, asked.calls_before, asked.limit)
        # The link says only the query, so that it holds behind any prefix of a proxy.
        links = {"link": f'<?{asked.query_after(place)}>; rel="next"'} if place else None
        answer = call_history(found.rows, asked.page_number, asked.limit)
        return report_answer(answer, found, request.scope["headers"], links)

    @route("/report/breakdown", http_method=_METHODS)
    async def report_breakdown(request: _Request) -> ASGIResponse:
        found = _existing(await queries.breakdown(*await whose(request)))
        return report_answer(breakdown(found.rows), found, request.scope["headers"])

    @route("/report/node-stats", http_method=_METHODS)
    async def report_node_stats(request: _Request) -> ASGIResponse:
        found = _existing(await queries.node_stats(*await whose(request)))
        return report_answer(node_stats(found.flow, found.rows), found, request.scope["headers"])

    @route("/report/billing", http_method=_METHODS)
    async def report_billing(request: _Request) -> ASGIResponse:
        organization_id, execution_id = await whose(request)
        found = _existing(await queries.billing(organization_id, execution_id))
        answer = billing_report(execution_id, found.flow, found.rows)
        return report_answer(answer, found, request.scope["headers"])

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


def _existing(found: Snapshot[_Rows] | None) -> Snapshot[_Rows]:
    if found is None:
        raise _no_such_execution()
    return found


def _no_such_execution() -> NotFound:
    """One body for unknown and foreign ones: that an id is somebody else's is not told."""
    return NotFound("Execution not found")
