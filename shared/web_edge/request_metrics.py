"""Counts and times the requests of a process, by route and status."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from shared import metric_names as names
from shared.clock import monotonic_s

_NO_ROUTE = "none"


class RequestMetrics:
    """The registry of an HTTP process, with what it counts of every request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(*names.REQUESTS, ("route", "status"), registry=self.registry)
        self._seconds = Histogram(*names.REQUEST_SECONDS, ("route",), registry=self.registry)
        #: Looking labels up costs more than counting.
        self._labelled: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def add(self, route: str, status: int, seconds: float) -> None:
        labelled = self._labelled.get((route, status))
        if labelled is None:
            labelled = self._requests.labels(route, status), self._seconds.labels(route)
            self._labelled[route, status] = labelled
        requests, seconds_of_route = labelled
        requests.inc()
        seconds_of_route.observe(seconds)


def measured(app: ASGIApp, metrics: RequestMetrics) -> ASGIApp:
    """The application, each of whose requests is counted and timed."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started_s = monotonic_s()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            route = scope.get("path_template") or _NO_ROUTE
            metrics.add(route, status, monotonic_s() - started_s)

    return serve
