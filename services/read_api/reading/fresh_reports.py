"""Finds a report: kept, being read by another request, or read now; never one that is outdated.

The routes ask here. While the change feed cannot prove that it hears every commit, or with a cache
of 0 bytes, every request reads for itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.read_api.reading.answers import Report
from services.read_api.reading.report_cache import Reading, ReportCache, ReportKey, is_touched
from shared import metric_names as names
from shared.clock import monotonic_s
from shared.storage.change_feed import ChangeFeed, Standing
from shared.storage.live_queries import LiveQueries
from shared.storage.report_changes import Touched
from shared.web_edge.background import in_background


class FreshReports:
    """The cache of reports, with the feed that keeps it true."""

    def __init__(
        self,
        live: LiveQueries,
        database_url: str,
        bytes_max: int,
        registry: CollectorRegistry,
        *,
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        """`following` must be entered for anything to be kept."""
        self._live = live
        self._cache = ReportCache(bytes_max)
        self._feed = ChangeFeed(database_url, self._changed, clock_s=clock_s)
        self._watchers: dict[ReportKey, set[asyncio.Event]] = {}
        self.is_ending = False
        self._keeps = bytes_max > 0
        lookups = Counter(*names.REPORT_LOOKUPS, ("result",), registry=registry)
        self._hits, self._joins, self._misses, self._bypasses = (
            lookups.labels(result) for result in ("hit", "join", "miss", "bypass")
        )
        Gauge(*names.REPORT_CACHE_BYTES, registry=registry).set_function(
            lambda: self._cache.size_bytes
        )

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Hear the commits meanwhile."""
        async with in_background(self._feed.run()):
            yield

    @contextmanager
    def watching(self, key: ReportKey) -> Iterator[asyncio.Event]:
        """An event that is set whenever the report may have changed."""
        watcher = asyncio.Event()
        self._watchers.setdefault(key, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[key].remove(watcher)
            if not self._watchers[key]:
                del self._watchers[key]

    def end_watching(self) -> None:
        """This process ends: wake every watcher, so that it does too."""
        self.is_ending = True
        self._changed(None)

    def standing(self) -> Standing | None:
        """What the feed has proven last; None while changes may be missed."""
        return self._feed.standing()

    def incidents(self, organization_id: str) -> int:
        """How many incidents are open that may concern an organization's reports."""
        return self._feed.incidents(organization_id)

    async def as_of_ms(self) -> int | None:
        """Up to when whatever is read from now on is complete; None while unknown.

        Raises:
            StorageError: the database is away or not laid out.
        """
        standing = self._feed.standing()
        return await self._live.as_of_ms() if standing is None else standing.as_of_ms

    async def read(self, reading: Reading) -> tuple[Report | None, int | None]:
        """A report that is not kept, and up to when it is complete (ms).

        Raises:
            StorageError: the database is away or not laid out.
        """
        self._bypasses.inc()
        as_of_ms = await self.as_of_ms()
        return await reading(), as_of_ms

    async def find(self, key: ReportKey, reading: Reading) -> tuple[Report | None, int | None]:
        """The report, None where there is no such execution, and up to when it is complete (ms).

        Raises:
            StorageError: it is not kept, and the database is away or not laid out.
        """
        # Looked at first: whatever the beat saw is in each report that is found after it.
        standing = self._feed.standing()
        if standing is None or not self._keeps:
            return await self.read(reading)
        report = self._cache.get(key)
        if report is not None:
            self._hits.inc()
            return report, standing.as_of_ms
        (self._joins if self._cache.is_read(key) else self._misses).inc()
        report = await self._cache.read(key, standing.generation, reading)
        if report is not None and report.generation != standing.generation:
            self._feed.distrust()
        return report, standing.as_of_ms

    def _changed(self, touched: Touched | None) -> None:
        """Forget what may have changed, and wake who watches it."""
        self._cache.forget(touched)
        for key, watchers in self._watchers.items():
            if touched is None or is_touched(key, touched):
                for watcher in watchers:
                    watcher.set()
