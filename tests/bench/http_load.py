"""Many HTTP connections at once from one thread, over plain sockets and the system's selector.

A request costs this generator some ten microseconds, so the server is the bottleneck; the share of
a core that it takes itself is part of what it returns.
"""

import gc
import re
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTIONS = 64

_RECEIVE_BYTES = 256 * 1024
_ANSWER_S = 10.0
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_OK = b"HTTP/1.1 200 "


@dataclass(slots=True)
class Answers:
    """What one stretch of requests brought."""

    taken_s: float = 0.0
    #: Of each answer, in seconds.
    latencies_s: list[float] = field(default_factory=list)
    #: Share of a core that the generator took.
    generator_share: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.latencies_s) / self.taken_s


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent_s: float = 0.0
    received: bytes = b""


def request(path: str, key: str | None = None) -> bytes:
    """A request as it goes over the wire."""
    headers = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if key is not None:
        headers += f"x-api-key: {key}\r\n"
    return f"{headers}\r\n".encode()


def ask_for(
    port: int, requests: Sequence[bytes], duration_s: float, connections: int = CONNECTIONS
) -> Answers:
    """Keep every connection busy for a while, with the requests in turn; each answer must be 200.

    Raises:
        RuntimeError: another answer came, or none.
    """
    answers = Answers()
    opened = [_Connection(socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S))
              for _ in range(connections)]  # fmt: skip
    gc.disable()
    try:
        with selectors.DefaultSelector() as selector:
            for connection in opened:
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            cpu_s, started_s = time.thread_time(), time.monotonic()
            _keep_busy(selector, opened, requests, started_s + duration_s, answers)
            answers.taken_s = time.monotonic() - started_s
            answers.generator_share = (time.thread_time() - cpu_s) / answers.taken_s
    finally:
        gc.enable()
        for connection in opened:
            connection.socket.close()
    return answers


def ask_once(connection: socket.socket, wanted: bytes) -> bytes:
    """One request over an open connection; returns head and body of the answer."""
    connection.sendall(wanted)
    received = b""
    while not _complete(received):
        more = connection.recv(_RECEIVE_BYTES)
        if not more:
            raise RuntimeError("the server closed the connection")
        received += more
    return received


def _keep_busy(
    selector: selectors.BaseSelector,
    opened: Sequence[_Connection],
    requests: Sequence[bytes],
    until_s: float,
    answers: Answers,
) -> None:
    number = 0
    for connection in opened:
        _send(connection, requests[number % len(requests)])
        number += 1
    while (now_s := time.monotonic()) < until_s:
        ready = selector.select(_ANSWER_S)
        if not ready:
            raise RuntimeError(f"no answer within {_ANSWER_S:.0f} s")
        for key, _ in ready:
            connection = key.data
            more = connection.socket.recv(_RECEIVE_BYTES)
            if not more:
                raise RuntimeError("the server closed a connection")
            connection.received += more
            if _complete(connection.received):
                now_s = time.monotonic()
                answers.latencies_s.append(now_s - connection.sent_s)
                _send(connection, requests[number % len(requests)])
                number += 1


def _send(connection: _Connection, wanted: bytes) -> None:
    connection.received = b""
    connection.sent_s = time.monotonic()
    connection.socket.sendall(wanted)


def _complete(received: bytes) -> bool:
    """Whether a whole answer is there; refuses any but 200."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return False
    if not received.startswith(_OK):
        raise RuntimeError(f"answered {received[:200]!r}")
    length = _LENGTH.search(received, 0, end + 2)
    if length is None:
        raise RuntimeError(f"an answer without its length: {received[:end]!r}")
    return len(received) >= end + len(_END_OF_HEAD) + int(length[1])
