"""What routes of every interface do with a request: whose it is, ids of the path, the answer."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler

from services.read_api.identity.admission import Admission
from services.read_api.reading.answers import Headers, Report, ReportAnswer, standing_headers
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.reading.report_cache import Reading, ReportKey
from services.read_api.reading.report_stream import ReportStream, ReportStreams
from shared.contracts.ids import is_id
from shared.contracts.instants import datetime_us
from shared.limits import REPORT_STREAMS_MAX
from shared.web_edge.refusals import NotFound

#: Of every route that answers with a report.
METHODS: Final = (HttpMethod.GET, HttpMethod.HEAD)
READ_SCOPE: Final = "read"
AnyRequest = Request[Any, Any, Any]
Answering = Callable[[AnyRequest], Coroutine[Any, Any, Response[bytes]]]


def by_method(
    path: str, *, reading: Answering, others: Mapping[HttpMethod, Answering]
) -> HTTPRouteHandler:
    """One route for all methods of a path: of several, OPTIONS would tell the first one's alone.

    Args:
        reading: answers GET and HEAD.
    """

    @route(path, http_method=(*METHODS, *others), status_code=200)
    async def answer(request: AnyRequest) -> Response[bytes]:
        return await others.get(HttpMethod(request.method), reading)(request)

    return answer


class Requests:
    """Answers the requests of one interface.

    Attributes:
        not_found: What is said of a thing that the organization does not have: one message for
            unknown and foreign ids, so that it is not told that an id is somebody else's.
    """

    def __init__(
        self,
        reports: FreshReports,
        admission: Admission,
        now: Callable[[], datetime],
        not_found: str,
    ) -> None:
        self.not_found = not_found
        self._reports = reports
        self._admission = admission
        self._now = now
        self._streams = ReportStreams(reports, now, REPORT_STREAMS_MAX)

    async def organization(self, request: AnyRequest) -> str:
        """The organization that a request may read.

        Raises:
            Refusal: it carries no valid key or token, or one that may not read now.
        """
        return (await self._admission.identity(request, READ_SCOPE)).organization_id

    def path_id(self, request: AnyRequest, name: str) -> str:
        """An id in the path, decoded once; what cannot be an id is nothing that we have."""
        try:
            sent = request.scope["path_params"][name].encode("latin-1")
            found = unquote_to_bytes(sent).decode()
        except UnicodeDecodeError:
            found = ""
        if not is_id(found):
            raise NotFound(self.not_found)
        return found

    async def kept(self, key: ReportKey, reading: Reading) -> ReportAnswer:
        """A report that is kept until a commit touches its execution."""
        found, as_of_ms = await self._reports.find(key, reading)
        return self._answer(key.organization_id, found, as_of_ms)

    async def read(
        self, organization_id: str, reading: Callable[[], Coroutine[Any, Any, Report | None]]
    ) -> ReportAnswer:
        """A report that is read for each request: it may hang on more than one execution."""
        found, as_of_ms = await self._reports.read(reading)
        return self._answer(organization_id, found, as_of_ms)

    async def stream(self, request: AnyRequest, key: ReportKey, reading: Reading) -> ReportStream:
        """A report as server-sent events, for as long as the request's credentials are good."""

        async def check() -> None:
            await self._admission.recheck(request, READ_SCOPE)

        return await self._streams.stream(key, reading, self.not_found, check)

    async def standing_headers(self, organization_id: str) -> Headers:
        """What an answer says of how far it is up to date, if it is read from now on."""
        as_of_ms = await self._reports.as_of_ms()
        return standing_headers(as_of_ms, self._reports.incidents(organization_id))

    def _answer(
        self, organization_id: str, found: Report | None, as_of_ms: int | None
    ) -> ReportAnswer:
        if found is None:
            raise NotFound(self.not_found)
        incidents = self._reports.incidents(organization_id)
        return ReportAnswer(found.at(datetime_us(self._now())), as_of_ms, incidents)
