"""Verifies again and again, and tells Prometheus what came of it."""

import sys
import time
from collections.abc import Callable
from typing import NoReturn

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from services.tooling.verify.findings import Check, Verification
from shared import metric_names
from shared.clock import utc_now
from shared.errors import CallfoldError, SettingsError


class VerifyMetrics:
    """What the endpoint says; before the first complete verification no time and no mismatches."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._verified_at = Gauge(*metric_names.VERIFIED_AT, registry=self.registry)
        self._mismatches = Gauge(
            *metric_names.VERIFY_MISMATCHES, labelnames=("check",), registry=self.registry
        )
        self._figures = Gauge(*metric_names.VERIFY_FIGURES, registry=self.registry)
        self._seconds = Gauge(*metric_names.VERIFY_SECONDS, registry=self.registry)
        self._runs = Counter(
            *metric_names.VERIFICATIONS, labelnames=("result",), registry=self.registry
        )

    def complete(self, found: Verification) -> None:
        """A verification went through."""
        for check in Check:
            self._mismatches.labels(check.value).set(found.mismatches.get(check.value, 0))
        self._figures.set(found.figures)
        self._seconds.set(found.seconds)
        self._runs.labels("different" if found.mismatches else "equal").inc()
        self._verified_at.set(utc_now().timestamp())

    def failed(self) -> None:
        """One could not run."""
        self._runs.labels("failed").inc()


def watch_for_ever(
    verify: Callable[[], Verification], pause_s: float, host: str, port: int | None
) -> NoReturn:
    """Verify, wait, and verify again; an outage is said and waited for. Ends by a stop signal."""
    metrics = VerifyMetrics()
    if port is not None:
        try:
            start_http_server(port, addr=host, registry=metrics.registry)
        except OSError as error:
            raise SettingsError(f"metrics at {host}:{port}: {error.strerror}") from None
    while True:
        try:
            metrics.complete(verify())
        except (CallfoldError, psycopg.Error, OSError) as error:
            metrics.failed()
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            sys.stderr.write(f"callfold: could not verify: {line}\n")
        time.sleep(pause_s)
