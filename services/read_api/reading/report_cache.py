"""Reports that were read, kept until a commit changes one of the rows that they were made of.

Bounded in bytes, least recently used first. `fresh_reports.py` asks; the change feed says what to
forget. All of it runs in one event loop, so nothing here is locked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, NamedTuple

from services.read_api.reading.answers import Report
from shared.storage.report_changes import Touched

Flight = asyncio.Task[Report | None]
Reading = Callable[[], Coroutine[Any, Any, Report | None]]


class ReportKey(NamedTuple):
    """Which report: whose, of which execution, by which route and parameters."""

    organization_id: str
    execution_id: str
    route: str
    parameters: Hashable = None


class ReportCache:
    """Keeps reports, and reads each that it lacks once, however many ask for it."""

    def __init__(self, bytes_max: int) -> None:
        """With 0 bytes nothing is kept."""
        self.size_bytes = 0
        self._bytes_max = bytes_max
        self._kept: OrderedDict[ReportKey, tuple[Report, int]] = OrderedDict()
        #: The keys of `_kept` by organization and execution.
        self._keys: dict[str, dict[str, set[ReportKey]]] = {}
        self._flights: dict[ReportKey, Flight] = {}

    def get(self, key: ReportKey) -> Report | None:
        """The report, if it is kept."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def is_read(self, key: ReportKey) -> bool:
        """Whether the report is being read now."""
        return key in self._flights

    async def read(self, key: ReportKey, generation: int, reading: Reading) -> Report | None:
        """Read a report, or wait for who does; it is kept if it is of `generation`.

        A change that is heard meanwhile parts the reading from its key: who asks later reads anew,
        and what this one brings is not kept.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(reading())
            flight.add_done_callback(partial(self._landed, key, generation))
        # Whoever goes away must not take the report from the others.
        return await asyncio.shield(flight)

    def forget(self, touched: Touched | None) -> None:
        """Forget what may have changed; None: everything."""
        if touched is None:
            self._flights.clear()
            self._kept.clear()
            self._keys.clear()
            self.size_bytes = 0
            return
        for key in [key for key in self._flights if is_touched(key, touched)]:
            del self._flights[key]
        for organization_id, executions in touched.items():
            of_organization = self._keys.get(organization_id, {})
            for execution_id in list(of_organization) if executions is None else executions:
                for key in list(of_organization.get(execution_id, ())):
                    self._drop(key)

    def _landed(self, key: ReportKey, generation: int, flight: Flight) -> None:
        failed = flight.cancelled() or flight.exception() is not None
        if self._flights.get(key) is not flight:
            return
        del self._flights[key]
        report = None if failed else flight.result()
        if report is not None and report.generation == generation:
            self._keep(key, report)

    def _keep(self, key: ReportKey, report: Report) -> None:
        size_bytes = report.size_bytes
        self._kept[key] = (report, size_bytes)
        self._keys.setdefault(key.organization_id, {}).setdefault(key.execution_id, set()).add(key)
        self.size_bytes += size_bytes
        while self.size_bytes > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: ReportKey) -> None:
        _report, size_bytes = self._kept.pop(key)
        self.size_bytes -= size_bytes
        of_organization = self._keys[key.organization_id]
        of_execution = of_organization[key.execution_id]
        of_execution.remove(key)
        if not of_execution:
            del of_organization[key.execution_id]
        if not of_organization:
            del self._keys[key.organization_id]


def is_touched(key: ReportKey, touched: Touched) -> bool:
    """Whether a change may concern a report."""
    if key.organization_id not in touched:
        return False
    executions = touched[key.organization_id]
    return executions is None or key.execution_id in executions
