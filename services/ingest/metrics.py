"""What this process counts: each request, and each event that came in one."""

from collections.abc import Iterable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from shared import metric_names as names
from shared.clock import monotonic_s

_NO_ROUTE = "none"
_ACCEPTED = "accepted"


class IngestMetrics:
    """Requests by route and status; events by what became of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(*names.REQUESTS, ("route", "status"), registry=self.registry)
        self._seconds = Histogram(*names.REQUEST_SECONDS, ("route",), registry=self.registry)
        self._events = Counter(*names.INGESTED, ("result",), registry=self.registry)

    def add_request(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def add_events(self, accepted: int, reasons: Iterable[str]) -> None:
        """Count events that were accepted, and bad ones by reason."""
        self._events.labels(_ACCEPTED).inc(accepted)
        for reason in reasons:
            self._events.labels(reason).inc()


def measured(app: ASGIApp, metrics: IngestMetrics) -> ASGIApp:
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
            metrics.add_request(route, status, monotonic_s() - started_s)

    return serve
