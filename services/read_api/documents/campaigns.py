"""What the document says of campaigns."""

from typing import Final

from services.read_api.campaigns.errors import ERRORS, Problem, VendorError
from services.read_api.campaigns.routes import NOT_FOUND, PREFIX
from services.read_api.documents.operations import (
    Interface,
    Operation,
    Parameter,
    bounded,
    by_name,
    one_of,
    path_id,
)
from services.read_api.error_shape import ErrorShape
from shared.limits import CAMPAIGN_PAGE_MAX, CAMPAIGN_PAGE_SIZE, PAGE_NUMBER_MAX
from shared.reports.campaign_contacts import CONTACT_STATUSES, CampaignContacts
from shared.reports.campaign_executions import ITEM_STATUSES, CampaignExecutions
from shared.reports.campaign_progress import Campaign, CampaignProgress

_CAMPAIGN: Final = f"{PREFIX}/{{campaign_id}}"

#: Parameters that cannot be read are listed.
_INVALID: Final = ErrorShape(
    lambda _status, message: VendorError([Problem(loc=("query", "per_page"), msg=message)])
)
_PAGE: Final[tuple[Parameter, ...]] = (
    bounded("page", "The page, from 1.", most=PAGE_NUMBER_MAX, default=1),
    bounded("per_page", "Items of a page.", most=CAMPAIGN_PAGE_MAX, default=CAMPAIGN_PAGE_SIZE),
)
_REFUSALS: Final = {
    400: "Invalid status value",
    422: f"must be an integer from 1 to {CAMPAIGN_PAGE_MAX}",
}

INTERFACE: Final = Interface(
    key="Campaign",
    title="Campaigns",
    words="Attempts of a campaign, which is a program: calls, lone SMS, and skipped contacts.",
    shape=ERRORS,
    error=VendorError,
    shapes={422: (_INVALID, VendorError)},
    refusals={404: NOT_FOUND},
    path_parameters=by_name(path_id("campaign_id", "The program.", "reminders")),
    operations=(
        Operation(
            id="listCampaignExecutions",
            path=f"{_CAMPAIGN}/executions",
            summary="Attempts, newest first",
            parameters=(*_PAGE, one_of("status", "Only items of this status.", ITEM_STATUSES)),
            refusals=_REFUSALS,
            answer=CampaignExecutions,
        ),
        Operation(
            id="listCampaignContacts",
            path=f"{_CAMPAIGN}/contacts",
            summary="Contacts of a campaign",
            parameters=(
                *_PAGE,
                one_of("status", "Only contacts of this status.", CONTACT_STATUSES),
            ),
            refusals=_REFUSALS,
            answer=CampaignContacts,
        ),
        Operation(
            id="getCampaignProgress",
            path=f"{_CAMPAIGN}/progress",
            summary="How far a campaign is, and its latest attempts",
            answer=CampaignProgress,
        ),
        Operation(
            id="getCampaign",
            path=_CAMPAIGN,
            summary="A campaign",
            answer=Campaign,
        ),
    ),
)
