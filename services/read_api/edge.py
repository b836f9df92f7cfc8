"""What wraps the whole application: paths as they were sent, and the metrics of each request."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from shared import metric_names as names
from shared.clock import monotonic_s

_NO_ROUTE = "none"


class RequestMetrics:
    """Counts and times requests, by route and status."""

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


def edge(app: ASGIApp, metrics: RequestMetrics) -> ASGIApp:
    """Route on the path as sent, and measure.

    Servers decode `path`, so that the id `a/b`, sent as `a%2Fb`, would be two segments. Routes
    match the raw path instead; whoever takes an id out of it decodes it, once.
    """

    async def measured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        scope["path"] = scope["raw_path"].decode("latin-1")
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

    return measured
