"""What each campaign route reads, and how an answer is made of it."""

from typing import Final

from services.read_api.campaigns.request import ListRequest
from services.read_api.campaigns.walks import ListKey, Walk, Walks
from services.read_api.reading.answers import Report, still
from shared.reports.campaign_contacts import campaign_contacts
from shared.reports.campaign_executions import (
    CampaignExecutions,
    ItemRow,
    campaign_execution,
    pagination,
)
from shared.reports.campaign_progress import campaign, campaign_progress
from shared.storage.campaign_queries import NEWEST, CampaignQueries

#: Attempts in `recent_activity`.
_RECENT: Final = 10


class CampaignReports:
    """Reads campaigns; None where the organization has no such one."""

    def __init__(self, queries: CampaignQueries) -> None:
        self._queries = queries
        self._walks = Walks()

    async def executions(
        self, reader: str, organization_id: str, campaign_id: str, asked: ListRequest
    ) -> Report | None:
        """One page of attempts, newest first; see `walks` for what `reader` is promised."""
        key = ListKey(reader, organization_id, campaign_id, asked.status, asked.per_page)
        walk = self._walks.leading_to(key, asked.page) or Walk(asked.page - 1)
        try:
            return await self._next_page(walk, key, asked)
        finally:
            if walk.end is not None:
                self._walks.keep(key, walk)

    async def contacts(
        self, organization_id: str, campaign_id: str, asked: ListRequest
    ) -> Report | None:
        """One page of contacts, by id."""
        found = await self._queries.contacts(
            organization_id,
            campaign_id,
            limit=asked.per_page,
            skip=asked.skip,
            status=asked.status,
        )
        if found is None:
            return None
        return still(found.generation, campaign_contacts(found.rows, asked.page, asked.per_page))

    async def progress(self, organization_id: str, campaign_id: str) -> Report | None:
        """How far it is; the latest attempts are read a moment later than the sums."""
        found = await self._queries.progress(organization_id, campaign_id)
        latest = await self._queries.executions(organization_id, campaign_id, limit=_RECENT)
        if found is None or latest is None:
            return None
        items = [campaign_execution(item) for item in latest.rows.items[:_RECENT]]
        return still(found.generation, campaign_progress(found.rows, items))

    async def campaign(self, organization_id: str, campaign_id: str) -> Report | None:
        """What it is."""
        found = await self._queries.progress(organization_id, campaign_id)
        return None if found is None else still(found.generation, campaign(campaign_id, found.rows))

    async def _next_page(self, walk: Walk, key: ListKey, asked: ListRequest) -> Report | None:
        place, skip = walk.end or NEWEST, asked.skip if walk.end is None else 0
        seen = walk.served()
        items: list[ItemRow] = []
        while True:
            found = await self._queries.executions(
                key.organization_id,
                key.campaign_id,
                limit=asked.per_page,
                skip=skip,
                before=place,
                status=asked.status,
            )
            if found is None:
                return None
            read = found.rows.items
            items += [item for item in read if item.number not in seen]
            seen.update(item.number for item in read)
            if len(items) > asked.per_page or len(read) <= asked.per_page:
                break
            # Some were seen already, before they moved down here: look further behind.
            place, skip = read[-1].place, 0
        page = items[: asked.per_page]
        walk.step(page)
        return still(
            found.generation,
            CampaignExecutions(
                executions=[campaign_execution(item) for item in page],
                pagination=pagination(
                    asked.page,
                    asked.per_page,
                    found.rows.total,
                    has_next=len(items) > asked.per_page,
                ),
            ),
        )
