"""Tests of the request generator, against a real socket server that answers in pieces."""

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.bench.http_load import ask_for, ask_once, request

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def server(*pieces: bytes) -> Iterator[int]:
    """The port of a server that answers each request with these pieces, one by one."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.request.recv(4096):
                for piece in pieces:
                    self.request.sendall(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, _request: object, _address: object) -> None:
            """The client hangs up in the middle of an answer when its time is over."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(listening.server_address[1])
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize("cut", (1, 20, 40, len(_ANSWER) - 1))
def test_answer_in_pieces_counts_once_and_whole(cut: int) -> None:
    """Head and body may be split anywhere."""
    with (
        server(_ANSWER[:cut], _ANSWER[cut:]) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        answers = [ask_once(connection, request("/livez")) for _ in range(3)]
    assert [_ANSWER] * 3 == answers


def test_connections_are_kept_busy_for_the_time_asked_for() -> None:
    """Each answer is timed, and the rate follows from their number."""
    with server(_ANSWER) as port:
        answers = ask_for(port, [request("/livez")], 0.2, connections=4)
    assert 0.2 <= answers.taken_s < 2
    assert len(answers.latencies_s) > 4
    assert len(answers.latencies_s) / answers.taken_s == answers.per_s
    assert all(0 < latency_s <= answers.taken_s for latency_s in answers.latencies_s)


@pytest.mark.parametrize(
    "answer",
    (
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
)
def test_anything_but_a_whole_200_ends_the_measurement(answer: bytes) -> None:
    """An error that is answered fast must not pass for speed."""
    with server(answer) as port, pytest.raises(RuntimeError, match="answer"):
        ask_for(port, [request("/livez")], 0.2, connections=2)
