"""What ingest counts beside its requests: each event that came in one."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter

from shared import metric_names as names

_ACCEPTED = "accepted"


class EventMetrics:
    """Events by what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(*names.INGESTED, ("result",), registry=registry)

    def add(self, accepted: int, reasons: Iterable[str]) -> None:
        """Count events that were accepted, and bad ones by reason."""
        self._events.labels(_ACCEPTED).inc(accepted)
        for reason in reasons:
            self._events.labels(reason).inc()
