"""A TCP proxy that does to connections what networks do: cut, delay, fall silent, lose an answer.

Tests of F1, F2, F11 and F12 put it between one process and a server; everybody else keeps the
server's own address. What it has silenced stays silent, as behind a middleman that lost its other
side: it takes every byte and the kernel acknowledges them, so that no kernel sees a fault.
"""

import asyncio
import contextlib
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

#: Closing a socket that has this sends RST.
_RESET = struct.pack("ii", 1, 0)
_CHUNK_BYTES = 64 * 1024
#: The longest request or answer that is looked for, where it may be in two chunks.
_TAIL_BYTES = 64
#: What a client says first, in which it tells who it is.
_OPENING_BYTES = 1024
#: Who hears nothing any more.
BOTH = frozenset({"server", "client"})
#: PostgreSQL says that a transaction has begun, and that it is in: CommandComplete messages.
BEGUN = b"C\x00\x00\x00\x0aBEGIN\x00"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
#: What connections that commit batches say first, in their startup packet; and with large ones.
COMMITS = b"callfold commits"
COPY = b"FROM STDIN (FORMAT BINARY)"


@dataclass(eq=False)
class _Link:
    """A client's connection, and ours to the server."""

    client: StreamWriter
    server: StreamWriter
    silent: frozenset[str]
    opening: bytes = b""
    #: Whether the request was seen whose answer is to be lost.
    asked: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        self.over.set()
        for end in (self.client, self.server):
            if not end.transport.is_closing():
                raw = end.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()


@dataclass
class _Loss:
    """Answers that are to be lost."""

    times: int
    reply: bytes
    client: bytes
    request: bytes
    instead: Callable[[], None] | None


class TcpProxy:
    """Stands before one server; its commands come from other threads."""

    def __init__(self, url: str, listening: socket.socket | None = None) -> None:
        """Stands before the server of a URL, and listens on loopback unless told where."""
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)
        self._listening = listening or socket.create_server(("127.0.0.1", 0))
        host, port = self._listening.getsockname()[:2]
        user, at, _ = parts.netloc.rpartition("@")
        #: The server's URL by way of this proxy.
        self.url = urlunsplit(parts._replace(netloc=f"{user}{at}{host}:{port}"))
        self.delay_s = 0.0
        #: How many answers were lost.
        self.lost = 0
        self._silent: frozenset[str] = frozenset()
        self._loss: _Loss | None = None
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        self._do(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        """Cut everything, and end."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection; new ones are served."""
        self._do(self._cut())

    def silence(self, deaf: frozenset[str] = BOTH) -> None:
        """From now on swallow what the `deaf` should hear, on new connections too."""
        self._do(self._silence(deaf))

    def heal(self) -> None:
        """Serve new connections; what fell silent stays so."""
        self._silent = frozenset()

    def lose_answers(
        self,
        times: int,
        reply: bytes,
        *,
        client: bytes = b"",
        request: bytes = b"",
        instead: Callable[[], None] | None = None,
    ) -> None:
        """Lose so many answers that hold `reply`, once the server has sent them.

        Args:
            client: in what the client said first.
            request: in what it said since the last such answer.
            instead: called in place of the answer, and the connection falls silent; without it the
                connection is reset.
        """
        self._do(self._begin_loss(_Loss(times, reply, client, request, instead)))

    def _do(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(timeout=10)

    async def _begin(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listening)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut()
        await asyncio.gather(
            *asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True
        )

    async def _cut(self) -> None:
        for link in [*self._links]:
            link.reset()

    async def _silence(self, deaf: frozenset[str]) -> None:
        self._silent = deaf
        for link in self._links:
            link.silent |= deaf

    async def _begin_loss(self, loss: _Loss) -> None:
        self._loss = loss
        for link in self._links:
            link.asked = False

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, to_server, self._silent)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, reader, to_server, "server"),
                self._pump(link, from_server, writer, "client"),
            )
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(
        self, link: _Link, source: StreamReader, sink: StreamWriter, hearer: str
    ) -> None:
        tail = b""
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                tail = self._watched(link, tail + data, hearer)
                if hearer not in link.silent:
                    sink.write(data)
                    await sink.drain()
        # One side ended. Behind silence, the other never learns of it.
        if link.silent:
            await link.over.wait()
        link.reset()

    def _watched(self, link: _Link, said: bytes, hearer: str) -> bytes:
        """Lose the answer if this is one; returns what the next chunk may complete."""
        if hearer == "server" and len(link.opening) < _OPENING_BYTES:
            link.opening += said
        loss = self._loss
        if loss is None or not loss.times or loss.client not in link.opening:
            return said[-_TAIL_BYTES:]
        if hearer == "server":
            link.asked = link.asked or loss.request in said
        elif loss.reply in said:
            asked, link.asked = link.asked, False
            if asked:
                self._lose(link, loss)
            return b""
        return said[-_TAIL_BYTES:]

    def _lose(self, link: _Link, loss: _Loss) -> None:
        loss.times -= 1
        self.lost += 1
        link.silent = BOTH
        if loss.instead is None:
            link.reset()
        else:
            loss.instead()
