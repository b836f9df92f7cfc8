"""What each route of call executions reads, and how an answer is made of it."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from services.read_api.call_execution.request import CallListRequest
from services.read_api.reading.answers import Report
from shared.contracts.instants import datetime_us
from shared.reports.call_batches import call_batch
from shared.reports.call_execution import CallExecution, call_execution
from shared.storage.call_queries import CallPage, CallQueries, Owner


class CallExecutionPage(Struct, frozen=True, kw_only=True, gc=False):
    """A page of an agent's calls."""

    page_number: int
    page_size: int
    total: int
    has_more: bool
    data: list[CallExecution]


class CallExecutionReports:
    """Reads calls; None where the organization has no such call, agent or batch."""

    def __init__(self, queries: CallQueries, now: Callable[[], datetime]) -> None:
        self._queries = queries
        self._now = now

    async def call(self, organization_id: str, call_id: str) -> Report | None:
        """One call."""
        generation, call = await self._queries.call(organization_id, call_id)
        return None if call is None else self._report(generation, call_execution(call))

    async def page(
        self, organization_id: str, agent_id: str, asked: CallListRequest
    ) -> Report | None:
        """A page of an agent's calls, newest first."""
        generation, found = await self._page(organization_id, "agent_id", agent_id, asked)
        if not found.is_known:
            return None
        page = CallExecutionPage(
            page_number=asked.page_number,
            page_size=asked.page_size,
            total=found.total,
            has_more=asked.has_more(found.total),
            data=[call_execution(call) for call in found.calls],
        )
        return self._report(generation, page)

    async def array(
        self, organization_id: str, owner: Owner, owner_id: str, asked: CallListRequest
    ) -> Report | None:
        """The calls of an agent or batch, newest first, with a link where more follow."""
        generation, found = await self._page(organization_id, owner, owner_id, asked)
        if not found.is_known:
            return None
        # The link says only the query, so that it holds behind any prefix of a proxy.
        link = f'<?{asked.next_query}>; rel="next"' if asked.has_more(found.total) else None
        return self._report(generation, [call_execution(call) for call in found.calls], link)

    async def batch(self, organization_id: str, batch_id: str) -> Report | None:
        """How a batch stands."""
        generation, rows = await self._queries.batch(organization_id, batch_id)
        batch = call_batch(batch_id, rows)
        return None if batch is None else self._report(generation, batch)

    async def _page(
        self, organization_id: str, owner: Owner, owner_id: str, asked: CallListRequest
    ) -> tuple[int, CallPage]:
        return await self._queries.calls(
            organization_id, owner, owner_id, asked.filters, limit=asked.page_size, skip=asked.skip
        )

    def _report(
        self, generation: int, answer: Struct | list[CallExecution], link: str | None = None
    ) -> Report:
        """A report that no clock moves."""
        return Report(generation, lambda _now_us: answer, datetime_us(self._now()), link=link)
