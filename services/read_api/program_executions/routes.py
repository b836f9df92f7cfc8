"""Executions that are not over, and one by its id: `/program-executions[/{executionId}]`."""

from functools import partial
from typing import Final

from litestar import Router, route

from services.read_api.program_executions.errors import ERRORS
from services.read_api.program_executions.reports import ProgramExecutionsReports
from services.read_api.query_parameters import integer, read_query
from services.read_api.reading.answers import ReportAnswer
from services.read_api.reading.report_cache import ReportKey
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX

PREFIX: Final = "/program-executions"
NOT_FOUND: Final = "Execution not found"


def program_executions_routes(reads: ProgramExecutionsReports, requests: Requests) -> Router:
    """Routes beside the reports, with errors in the same vendor's shape."""

    @route("/", http_method=METHODS)
    async def active(request: AnyRequest) -> ReportAnswer:
        organization_id = await requests.organization(request)
        said = read_query(request.scope["query_string"], ("page", "limit"))
        page = integer(said, "page", 1, PAGE_NUMBER_MAX)
        limit = integer(said, "limit", PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX)
        reading = partial(reads.active, organization_id, page, limit)
        return await requests.read(organization_id, reading)

    @route("/{execution_id:str}", http_method=METHODS)
    async def one(request: AnyRequest) -> ReportAnswer:
        organization_id = await requests.organization(request)
        ids = (organization_id, requests.path_id(request, "execution_id"))
        return await requests.kept(ReportKey(*ids, "execution"), partial(reads.one, *ids))

    return Router(PREFIX, route_handlers=[active, one], exception_handlers=ERRORS.handlers)
