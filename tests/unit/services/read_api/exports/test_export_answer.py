"""A body that is sent piece by piece: what ends it early."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.read_api.exports import export_answer
from services.read_api.exports.export_answer import send_pieces, while_connected
from shared.errors import StorageError


class _Server:
    """The server's side of a request, as ASGI describes it."""

    def __init__(self, *, takes: int = 100) -> None:
        self.bodies: list[bytes] = []
        self.is_over = False
        self.gone = asyncio.Event()
        self._takes = takes

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.bodies) == self._takes:
            await asyncio.Event().wait()
        self.bodies.append(message["body"])
        self.is_over = not message["more_body"]


async def _pieces(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def test_pieces_are_sent_in_order_and_the_body_ended() -> None:
    """Empty ones, which only tell that the file goes on, are not."""
    server = _Server()
    await while_connected(server.receive, send_pieces(server.send, _pieces(b"a", b"", b"b")))
    assert (([b"a", b"b", b""]), True) == (server.bodies, server.is_over)


async def test_broken_file_leaves_the_body_open() -> None:
    """The server then breaks the connection off, so that nobody takes the part for the whole."""
    server = _Server()
    broken = _pieces(b"a", StorageError("broken"))
    with pytest.raises(StorageError, match="broken"):
        await while_connected(server.receive, send_pieces(server.send, broken))
    assert ([b"a"], False) == (server.bodies, server.is_over)


async def test_client_that_leaves_ends_the_sending() -> None:
    """Its pieces are closed, and with them what makes them."""
    server = _Server()
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
                server.gone.set()
        finally:
            closed.set()

    await while_connected(server.receive, send_pieces(server.send, endless()))
    await asyncio.wait_for(closed.wait(), 5)
    assert not server.is_over


async def test_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold a snapshot of the database."""
    monkeypatch.setattr(export_answer, "EXPORT_STALL_S", 0.01)
    server = _Server(takes=1)
    with pytest.raises(StorageError, match="took nothing"):
        await while_connected(server.receive, send_pieces(server.send, _pieces(b"a", b"b")))
    assert [b"a"] == server.bodies
