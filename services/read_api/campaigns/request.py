"""The parameters of a campaign's lists: page, page size, status."""

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from services.read_api.query_parameters import integer, read_query
from shared.limits import CAMPAIGN_PAGE_MAX, CAMPAIGN_PAGE_SIZE, PAGE_NUMBER_MAX
from shared.web_edge.refusals import BadRequest

_PARAMETERS: Final = frozenset({"page", "per_page", "status"})


class ListRequest(Struct, frozen=True, kw_only=True):
    """Which page of a list is asked for."""

    page: int = 1
    per_page: int = CAMPAIGN_PAGE_SIZE
    status: str | None = None

    @property
    def skip(self) -> int:
        """How many items come before the page."""
        return (self.page - 1) * self.per_page


def read_list_request(query_string: bytes, statuses: Collection[str]) -> ListRequest:
    """Read the query string.

    Raises:
        InvalidParameter: a parameter is impossible or said twice.
        BadRequest: there is no such status; the vendor answers that by 400 (seed-systems.md, 2.3).
    """
    said = read_query(query_string, _PARAMETERS)
    asked = ListRequest(
        page=integer(said, "page", 1, PAGE_NUMBER_MAX),
        per_page=integer(said, "per_page", CAMPAIGN_PAGE_SIZE, CAMPAIGN_PAGE_MAX),
        status=said.get("status"),
    )
    if asked.status is not None and asked.status not in statuses:
        raise BadRequest("Invalid status value")
    return asked
