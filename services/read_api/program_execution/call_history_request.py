"""The parameters of the call history: page, limit, filters, and the cursor that follows a page."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Literal, get_args
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from services.read_api.query_parameters import choice, identifier, integer, read_query
from shared.contracts.ids import is_id
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX
from shared.reports.call_history import Place
from shared.web_edge.refusals import BadRequest

Status = Literal["ongoing", "completed", "no_answer", "voicemail", "busy", "rejected", "failed"]

_STATUSES: Final[tuple[str, ...]] = get_args(Status)
_PARAMETERS: Final = frozenset({"page", "limit", "status", "contactId", "cursor"})
_CALLS_MAX: Final = PAGE_NUMBER_MAX * PAGE_LIMIT_MAX
_INT64: Final = range(-(2**63), 2**63)

_encode_place = msgspec.msgpack.Encoder().encode
_decode_place = msgspec.msgpack.Decoder(Place).decode


class CallHistoryRequest(Struct, frozen=True, kw_only=True):
    """Which calls are asked for; a cursor takes the place of the page number."""

    page: int = 1
    limit: int = PAGE_LIMIT_DEFAULT
    status: str | None = None
    contact_id: str | None = None
    after: Place | None = None

    @property
    def skip(self) -> int:
        """How many calls to skip; none after a cursor, which is what makes it cheap."""
        return 0 if self.after is not None else (self.page - 1) * self.limit

    @property
    def calls_before(self) -> int:
        """How many matching calls come before the first one asked for."""
        return self.skip if self.after is None else self.after.calls_before

    @property
    def page_number(self) -> int:
        """The page that the first call asked for lies on."""
        return self.calls_before // self.limit + 1

    def query_after(self, place: Place) -> str:
        """The query string of the page that begins after a place."""
        parameters = {"limit": str(self.limit), "cursor": _cursor(place)}
        if self.status is not None:
            parameters["status"] = self.status
        if self.contact_id is not None:
            parameters["contactId"] = self.contact_id
        return urlencode(parameters)


def read_call_history_request(query_string: bytes) -> CallHistoryRequest:
    """Read the query string.

    Raises:
        BadRequest: a parameter is impossible or said twice; the message names it.
    """
    said = read_query(query_string, _PARAMETERS)
    return CallHistoryRequest(
        page=integer(said, "page", 1, PAGE_NUMBER_MAX),
        limit=integer(said, "limit", PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX),
        status=choice(said, "status", _STATUSES),
        contact_id=identifier(said, "contactId"),
        after=_place(said.get("cursor")),
    )


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(_encode_place(place)).rstrip(b"=").decode()


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = _decode_place(urlsafe_b64decode(padded))
    except (binascii.Error, msgspec.DecodeError, UnicodeError):
        place = None
    if (
        place is None
        or place.started_us not in _INT64
        or not is_id(place.call_id)
        or not 0 <= place.calls_before <= _CALLS_MAX
    ):
        raise BadRequest("cursor must be one that the link to the next page gave")
    return place
