"""Redis over a plain socket with `hiredis`: the fastest way to publish and to read in Python.

Used to fill streams before a measurement, to pace a load, and by the ceiling.
"""

import socket
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import hiredis

_RECEIVE_BYTES = 1024 * 1024
_ANSWER_S = 60.0


def packed(*words: bytes) -> bytes:
    """A command as Redis reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class RawRedis:
    """One connection; commands are sent packed, any number at a time."""

    def __init__(self, url: str) -> None:
        """Connect and log in."""
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()
        if parts.password:
            self.ask(packed(b"AUTH", unquote(parts.password).encode()))
        self.ask(packed(b"SELECT", (parts.path.strip("/") or "0").encode()))

    def ask(self, commands: bytes, replies: int = 1) -> list[Any]:
        """Send packed commands and wait for their replies.

        Raises:
            hiredis.ReplyError: a command was refused.
        """
        self._socket.sendall(commands)
        found: list[Any] = []
        while len(found) < replies:
            reply = self._reader.gets()
            if reply is False:
                received = self._socket.recv(_RECEIVE_BYTES)
                if not received:
                    raise ConnectionError("Redis closed the connection")
                self._reader.feed(received)
            elif isinstance(reply, Exception):
                raise reply
            else:
                found.append(reply)
        return found

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        self.close()
