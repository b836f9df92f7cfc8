"""`…/report/export` and `…/report/calls/export` (reports.md, Exports), in the vendor's shape."""

from collections.abc import Callable
from datetime import datetime

from litestar import Router, route

from services.read_api.error_shape import ErrorShape
from services.read_api.exports.export_answer import ExportAnswer
from services.read_api.exports.export_process import ExportProcesses
from services.read_api.exports.export_request import (
    ExportRequest,
    Kind,
    file_headers,
    read_export_request,
)
from services.read_api.exports.frames import Order
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.contracts.instants import datetime_us
from shared.storage.report_queries import ReportQueries
from shared.web_edge.refusals import NotFound


class Exports:
    """Answers with files of executions."""

    def __init__(
        self,
        queries: ReportQueries,
        processes: ExportProcesses,
        database_url: str,
        now: Callable[[], datetime],
    ) -> None:
        """Files are read as the user of `database_url`, in the role that reads reports."""
        self._queries = queries
        self._processes = processes
        self._database_url = database_url
        self._now = now

    async def answer(
        self, requests: Requests, ids: tuple[str, str], asked: ExportRequest
    ) -> ExportAnswer:
        """The file, of whatever is folded by now.

        Raises:
            NotFound: the organization has no such execution.
        """
        organization_id, execution_id = ids
        standing = await requests.standing_headers(organization_id)
        # Known before a process is started: who tries ids costs no more than for any report.
        if await self._queries.breakdown(organization_id, execution_id) is None:
            raise NotFound(requests.not_found)
        order = self.order(organization_id, execution_id, asked)
        return ExportAnswer(
            [*file_headers(asked, execution_id), *standing],
            lambda: self._processes.writing(order, requests.not_found),
        )

    def order(self, organization_id: str, execution_id: str, asked: ExportRequest) -> Order:
        """What the process is told that writes a file."""
        return Order(
            database_url=self._database_url,
            organization_id=organization_id,
            execution_id=execution_id,
            kind=asked.kind,
            format=asked.format,
            profile=asked.profile,
            now_us=datetime_us(self._now()),
        )


def export_routes(prefix: str, exports: Exports, requests: Requests, errors: ErrorShape) -> Router:
    """The routes beside the program-execution reports below `prefix`."""

    async def answer(request: AnyRequest, kind: Kind) -> ExportAnswer:
        organization_id = await requests.organization(request)
        execution_id = requests.path_id(request, "execution_id")
        asked = read_export_request(kind, request.scope["query_string"])
        return await exports.answer(requests, (organization_id, execution_id), asked)

    @route("/report/export", http_method=METHODS)
    async def summary(request: AnyRequest) -> ExportAnswer:
        return await answer(request, "summary")

    @route("/report/calls/export", http_method=METHODS)
    async def calls(request: AnyRequest) -> ExportAnswer:
        return await answer(request, "calls")

    return Router(
        prefix + "/{execution_id:str}",
        route_handlers=[summary, calls],
        exception_handlers=errors.handlers,
    )
