"""Reads the bodies of requests within bounds of size, time and memory."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from litestar.types import Receive

from shared.limits import HTTP_BODIES_BYTES_MAX, HTTP_BODY_BYTES_MAX
from shared.web_edge.refusals import BadRequest, Busy, TooLarge, TooSlow

#: How long a body may take to arrive.
_ARRIVAL_S = 30.0
#: Of a body that nobody wants, this much is taken: many clients send all before they read.
_UNWANTED_BYTES_MAX = 4 * HTTP_BODY_BYTES_MAX


class Body:
    """The body of one request, as it arrives."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> None:
        said = dict(headers)
        announced = said.get(b"content-length", b"")
        self.announced_bytes = int(announced) if announced.isdigit() else 0
        #: Whether more of it can come.
        self.more = True
        self._asks_first = b"expect" in said
        self._receive = receive

    async def next_chunk(self) -> bytes:
        """What comes next; raise BadRequest if the client left."""
        message = await self._receive()
        if message["type"] != "http.request":
            self.more = False
            raise BadRequest("the client left before the end of the body")
        self.more = message["more_body"]
        return message["body"]

    async def discard(self) -> None:
        """Take what is still to come, within bounds, before the request is refused."""
        taken_bytes = 0
        try:
            async with asyncio.timeout(_ARRIVAL_S):
                while self.more and not self._asks_first and taken_bytes < _UNWANTED_BYTES_MAX:
                    taken_bytes += len(await self.next_chunk())
        except (BadRequest, TimeoutError):
            return


class Bodies:
    """The bodies that this process holds at a time."""

    def __init__(self) -> None:
        self._held_bytes = 0

    @asynccontextmanager
    async def read(self, body: Body) -> AsyncIterator[bytes]:
        """The whole body, which counts as held until the block ends.

        Raises:
            TooLarge: it is over the limit.
            Busy: with it the process would hold too much.
            TooSlow: it does not arrive in time.
            BadRequest: the client left before its end.
        """
        if body.announced_bytes > HTTP_BODY_BYTES_MAX:
            raise _too_large()
        chunks: list[bytes] = []
        try:
            await self._collect(body, chunks)
            whole = b"".join(chunks)
        except BaseException:
            self._held_bytes -= sum(map(len, chunks))
            raise
        chunks.clear()
        try:
            yield whole
        finally:
            self._held_bytes -= len(whole)

    async def _collect(self, body: Body, chunks: list[bytes]) -> None:
        size_bytes = 0
        try:
            async with asyncio.timeout(_ARRIVAL_S):
                while body.more:
                    chunk = await body.next_chunk()
                    size_bytes += len(chunk)
                    if size_bytes > HTTP_BODY_BYTES_MAX:
                        raise _too_large()
                    if self._held_bytes + len(chunk) > HTTP_BODIES_BYTES_MAX:
                        raise Busy("too many requests at a time: nothing is accepted, try again")
                    self._held_bytes += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {_ARRIVAL_S:g} s") from None


def _too_large() -> TooLarge:
    return TooLarge(f"the limit of a request's body is {HTTP_BODY_BYTES_MAX} bytes; send several")
