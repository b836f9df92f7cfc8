"""A report as an HTTP answer: its bytes at an instant, their ETag, how far it is up to date."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send
from msgspec import Struct
from xxhash import xxh3_128_hexdigest

from shared.contracts.instants import us_text_ms

AS_OF_HEADER: Final = "x-callfold-as-of"
#: Of loss that an operator has not acknowledged; absent where there is none.
INCIDENTS_HEADER: Final = "x-callfold-incidents"
JSON_MEDIA_TYPE: Final = "application/json"

#: What an object in memory takes beside the bytes that it is known by, roughly.
_OBJECT_BYTES: Final = 1_500
#: Rows in memory against the bytes that they are written as, roughly.
_ROWS_FACTOR: Final = 8
_SECOND_US: Final = 1_000_000

Headers = list[tuple[bytes, bytes]]
#: What is written as JSON: an object, or an array of them.
Body = Struct | Sequence[Struct]
_encode = msgspec.json.Encoder().encode


class Written(Struct, frozen=True, gc=False):
    """A report's bytes, with the headers that go with them."""

    body: bytes
    etag: str
    #: Of a 200 and of a 304, without how far it is up to date.
    headers: Headers
    unchanged_headers: Headers


class Report:
    """One report as it was read; where the clock moves it, it is written anew each second."""

    def __init__(
        self,
        generation: int,
        write: Callable[[int], Body],
        now_us: int,
        *,
        moves: bool = False,
        link: str | None = None,
    ) -> None:
        """Writes it as of `now_us`.

        Args:
            write: gives the report at an instant of which only the whole seconds count; may be
                called again at any time where the report `moves`.
            link: the header that leads to the next page.
        """
        self.generation = generation
        self._write = write if moves else None
        self._link = link
        self._second = now_us // _SECOND_US
        self._written = self._written_at(write, now_us)

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        body_bytes = len(self._written.body)
        return _OBJECT_BYTES + body_bytes * (1 if self._write is None else 1 + _ROWS_FACTOR)

    def at(self, now_us: int) -> Written:
        """What leaves at an instant."""
        second = now_us // _SECOND_US
        if second != self._second and self._write is not None:
            self._written = self._written_at(self._write, now_us)
            self._second = second
        return self._written

    def _written_at(self, write: Callable[[int], Body], now_us: int) -> Written:
        body = _encode(write(now_us))
        etag = f'"{self.generation}-{xxh3_128_hexdigest(body)}"'
        headers = [(b"etag", etag.encode()), (b"cache-control", b"private, no-cache")]
        if self._link is not None:
            headers.append((b"link", self._link.encode()))
        length = (b"content-length", str(len(body)).encode())
        return Written(
            body, etag, [(b"content-type", JSON_MEDIA_TYPE.encode()), length, *headers], headers
        )


def still(generation: int, answer: Body, link: str | None = None) -> Report:
    """A report that no clock moves."""
    return Report(generation, lambda _now_us: answer, 0, link=link)


class ReportAnswer:
    """200 with a report, or 304 where the client has these very bytes."""

    __slots__ = ("_as_of_ms", "_incidents", "_written")

    def __init__(self, written: Written, as_of_ms: int | None, incidents: int = 0) -> None:
        """Answers with what is written.

        Args:
            as_of_ms: every entry received up to there is in it; None while unknown.
            incidents: open ones, which may have lost something of it.
        """
        self._written = written
        self._as_of_ms = as_of_ms
        self._incidents = incidents

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        written = self._written
        status, headers, body = 200, written.headers, written.body
        if _matches(scope["headers"], written.etag):
            status, headers, body = 304, written.unchanged_headers, b""
        elif scope["type"] == ScopeType.HTTP and scope["method"] == HttpMethod.HEAD:
            body = b""
        headers = [*headers, *standing_headers(self._as_of_ms, self._incidents)]
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers],  # whoever wraps us adds to the list, and these are kept
        }
        end: HTTPResponseBodyEvent = {
            "type": "http.response.body",
            "body": body,
            "more_body": False,
        }
        await send(start)
        await send(end)


@lru_cache(maxsize=16)
def standing_headers(as_of_ms: int | None, incidents: int) -> Headers:
    """How far an answer is up to date, where known, and open incidents, where there are any."""
    headers: Headers = []
    if as_of_ms is not None:
        headers.append((AS_OF_HEADER.encode(), us_text_ms(as_of_ms * 1000).encode()))
    if incidents:
        headers.append((INCIDENTS_HEADER.encode(), str(incidents).encode()))
    return headers


def _matches(request_headers: Iterable[tuple[bytes, bytes]], etag: str) -> bool:
    """Whether `If-None-Match` holds the tag; it compares weakly (RFC 9110, section 13.1.2)."""
    for name, value in request_headers:
        if name == b"if-none-match":
            tags = [tag.strip().removeprefix("W/") for tag in value.decode("latin-1").split(",")]
            if etag in tags or "*" in tags:
                return True
    return False
