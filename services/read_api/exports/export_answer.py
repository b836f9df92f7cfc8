"""A file as an HTTP answer, sent as it is written and no faster than it is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from services.read_api.exports.export_process import ExportProcess
from services.read_api.reading.answers import Headers
from shared.errors import StorageError
from shared.limits import EXPORT_STALL_S

_OK: Final = 200

#: A file whose pieces come with how many rows are written.
Opening = Callable[[], AbstractAsyncContextManager[ExportProcess]]
Pieces = AsyncIterator[bytes]


class ExportAnswer:
    """200 with a file. Where it breaks off the answer does too, so that nobody takes it for whole.

    Refusals and errors that come before the first byte are raised for the route's handlers.
    """

    def __init__(self, headers: Headers, opening: Opening) -> None:
        self._headers = headers
        self._opening = opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == HttpMethod.HEAD:
            await send_start(send, self._headers)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await while_connected(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async with self._opening() as process:
            await send_start(send, self._headers)
            await send_pieces(send, (piece async for piece, _ in process.pieces()))


async def send_start(send: Send, headers: Headers) -> None:
    """Send the status and headers."""
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": _OK,
        "headers": headers,
    }
    await send(start)


async def send_pieces(send: Send, pieces: Pieces) -> None:
    """Send a body.

    Raises:
        StorageError: the client takes nothing any more, or the file broke off.
    """
    async for piece in pieces:
        if not piece:
            continue
        try:
            async with asyncio.timeout(EXPORT_STALL_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise StorageError(f"the client took nothing for {EXPORT_STALL_S} s") from None
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def while_connected(receive: Receive, answering: Coroutine[None, None, None]) -> None:
    """Answer; where the client goes away before, the answering is cancelled."""
    task = asyncio.create_task(answering)
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.wait({task, leaving})


async def _until_gone(receive: Receive) -> None:
    """The server says when the client is gone; what is sent to it then is simply lost."""
    while (await receive())["type"] != "http.disconnect":
        pass
