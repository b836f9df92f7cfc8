"""Campaigns: `/api/v1/campaigns/{campaign_id}/…` (reports.md, Campaign executions)."""

from functools import partial
from typing import Final

from litestar import Router, route
from xxhash import xxh3_128_hexdigest

from services.read_api.campaigns.errors import HANDLERS
from services.read_api.campaigns.reports import CampaignReports
from services.read_api.campaigns.request import read_list_request
from services.read_api.reading.answers import ReportAnswer
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.reports.campaign_contacts import CONTACT_STATUSES
from shared.reports.campaign_executions import ITEM_STATUSES

PREFIX: Final = "/api/v1/campaigns"
NOT_FOUND: Final = "Campaign not found"
_TELLING_APART: Final = frozenset({b"authorization", b"x-api-key", b"user-agent"})


def campaign_routes(reads: CampaignReports, requests: Requests) -> Router:
    """The routes of this vendor interface, with errors in its shape.

    What they read hangs on any number of executions, so nothing of it is kept.
    """

    async def whose(request: AnyRequest) -> tuple[str, str]:
        """The organization of the key and the campaign of the path."""
        organization_id = await requests.organization(request)
        return organization_id, requests.path_id(request, "campaign_id")

    @route("/{campaign_id:str}/executions", http_method=METHODS)
    async def executions(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        asked = read_list_request(request.scope["query_string"], ITEM_STATUSES)
        read = partial(reads.executions, _reader(request), *ids, asked)
        return await requests.read(ids[0], read)

    @route("/{campaign_id:str}/contacts", http_method=METHODS)
    async def contacts(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        asked = read_list_request(request.scope["query_string"], CONTACT_STATUSES)
        return await requests.read(ids[0], partial(reads.contacts, *ids, asked))

    @route("/{campaign_id:str}/progress", http_method=METHODS)
    async def progress(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.read(ids[0], partial(reads.progress, *ids))

    @route("/{campaign_id:str}", http_method=METHODS)
    async def campaign(request: AnyRequest) -> ReportAnswer:
        ids = await whose(request)
        return await requests.read(ids[0], partial(reads.campaign, *ids))

    return Router(
        PREFIX,
        route_handlers=[executions, contacts, progress, campaign],
        exception_handlers=HANDLERS,
    )


def _reader(request: AnyRequest) -> str:
    """Tells credentials and programs apart, without a secret in it."""
    said = [header for header in request.scope["headers"] if header[0] in _TELLING_APART]
    return xxh3_128_hexdigest(repr(sorted(said)).encode())
