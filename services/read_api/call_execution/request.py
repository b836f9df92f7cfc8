"""The parameters of the lists of call executions: a page and, of an agent's, filters."""

from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from services.read_api.query_parameters import (
    boolean,
    choice,
    identifier,
    instant,
    integer,
    read_query,
)
from shared.limits import (
    CALL_ARRAY_MAX,
    CALL_PAGE_SIZE_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_NUMBER_MAX,
)
from shared.storage.call_queries import NO_FILTERS, CallFilters

STATUSES: Final = (
    "queued",
    "initiated",
    "ringing",
    "in-progress",
    "call-disconnected",
    "completed",
    "no-answer",
    "busy",
    "failed",
    "canceled",
    "balance-low",
)
CALL_TYPES: Final = ("inbound", "outbound")
_PAGE: Final = frozenset({"page_number", "page_size"})
_FILTERS: Final = frozenset(
    {"status", "call_type", "provider", "answered_by_voice_mail", "batch_id", "from", "to"}
)
_SECOND_US: Final = 1_000_000


class CallListRequest(Struct, frozen=True, kw_only=True):
    """Which calls of an agent or batch are asked for."""

    page_number: int
    page_size: int
    filters: CallFilters = NO_FILTERS

    @property
    def skip(self) -> int:
        """How many calls come before the page."""
        return (self.page_number - 1) * self.page_size

    def has_more(self, total: int) -> bool:
        """Whether calls follow the page."""
        return self.page_number * self.page_size < total

    @property
    def next_query(self) -> str:
        """The query string of the page that follows; arrays have no filters."""
        return urlencode({"page_number": self.page_number + 1, "page_size": self.page_size})


def read_page_request(query_string: bytes) -> CallListRequest:
    """Read the query string of a list that is a page.

    Raises:
        BadRequest: a parameter is impossible or said twice; the message names it.
    """
    said = read_query(query_string, _PAGE | _FILTERS)
    from_us, to_us = instant(said, "from"), instant(said, "to")
    return CallListRequest(
        page_number=integer(said, "page_number", 1, PAGE_NUMBER_MAX),
        page_size=integer(said, "page_size", PAGE_LIMIT_DEFAULT, CALL_PAGE_SIZE_MAX),
        filters=CallFilters(
            status=choice(said, "status", STATUSES),
            direction=choice(said, "call_type", CALL_TYPES),
            provider=identifier(said, "provider"),
            voicemail=boolean(said, "answered_by_voice_mail"),
            batch_id=identifier(said, "batch_id"),
            from_us=NO_FILTERS.from_us if from_us is None else _shown_from_us(from_us),
            to_us=NO_FILTERS.to_us if to_us is None else _shown_to_us(to_us),
        ),
    )


def read_array_request(query_string: bytes) -> CallListRequest:
    """Read the query string of a list that is an array.

    Raises:
        BadRequest: a parameter is impossible or said twice; the message names it.
    """
    said = read_query(query_string, _PAGE)
    return CallListRequest(
        page_number=integer(said, "page_number", 1, PAGE_NUMBER_MAX),
        page_size=integer(said, "page_size", CALL_ARRAY_MAX, CALL_ARRAY_MAX),
    )


def _shown_from_us(from_us: int) -> int:
    """The earliest start of which `created_at`, cut to the second, is not before an instant."""
    return -(-from_us // _SECOND_US) * _SECOND_US


def _shown_to_us(to_us: int) -> int:
    """The latest start of which `created_at`, cut to the second, is not after an instant."""
    return to_us // _SECOND_US * _SECOND_US + _SECOND_US - 1
