"""Probes: calls whose events are timed from publishing until the report counts them.

Each adds 1 to `totalCalls` of an execution of their own, whose report a client polls. All probes
live in one partition, where order holds: the n-th to be published is the n-th to be seen. They are
sent on schedule, whether or not the one before was seen, so that a stall counts for each in it.
"""

import random
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

from shared.clock import utc_now
from shared.contracts.stream_names import partition_of
from tests.bench.call_events import initiated
from tests.bench.http_load import ask_once, request
from tests.bench.load import PARTITIONS, xadd
from tests.bench.raw_redis import RawRedis
from tests.bench.truth import WrongResultError, report_path

EXECUTION_ID = "execution-probe"

_PARTITION = 0
_GAP_S = 0.05
_POLL_GAP_S = 0.002
_SEEN_WITHIN_S = 30.0
_SEED = 1
_TOTAL_CALLS = re.compile(rb'"totalCalls":([0-9]+)')


@dataclass(slots=True)
class Watch:
    """A client that asks for the probes' report, over one connection."""

    socket: socket.socket
    request: bytes

    @classmethod
    def open(cls, read_api_port: int, key: str) -> "Watch":
        """Connect."""
        connection = socket.create_connection(("127.0.0.1", read_api_port), timeout=_SEEN_WITHIN_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection, request(report_path(EXECUTION_ID), key))

    def calls(self) -> int:
        """How many probes the report counts now."""
        found = _TOTAL_CALLS.search(ask_once(self.socket, self.request))
        if found is None:
            raise WrongResultError("a report without totalCalls")
        return int(found[1])

    def wait_for(self, calls: int) -> None:
        """Poll until so many probes are counted."""
        deadline_s = time.monotonic() + _SEEN_WITHIN_S
        while self.calls() < calls:
            if time.monotonic() > deadline_s:
                raise WrongResultError(f"a probe was not seen for {_SEEN_WITHIN_S:.0f} s")
            time.sleep(_POLL_GAP_S)


@dataclass(slots=True)
class _Sender:
    """Publishes probes at random moments, one each 50 ms on average."""

    redis_url: str
    sent_s: list[float] = field(default_factory=list)
    stopping: Event = field(default_factory=Event)
    failed: Exception | None = None

    def run(self) -> None:
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 -- handed to the thread that measures
            self.failed = error

    def _send(self) -> None:
        dice = random.Random(_SEED)
        due_s = time.monotonic()
        commands = probe_commands()
        next(commands)  # published before the measurement, so that the report exists
        with RawRedis(self.redis_url) as redis:
            while not self.stopping.wait(max(0.0, due_s - time.monotonic())):
                command = next(commands)
                self.sent_s.append(time.monotonic())
                redis.ask(command)
                due_s += dice.uniform(0, 2 * _GAP_S)


def probe_commands() -> Iterator[bytes]:
    """Packed commands, each of which publishes one more probe."""
    for number in count():
        call_id = f"probe-{number}"
        if partition_of(call_id, PARTITIONS) == _PARTITION:
            yield xadd(*initiated(EXECUTION_ID, call_id, at=utc_now()))


def time_probes(redis_url: str, watch: Watch, duration_s: float) -> list[float]:
    """Seconds from publishing to being seen, of each probe; one probe must be counted already."""
    sender = _Sender(redis_url)
    thread = Thread(target=sender.run, name="probes", daemon=True)
    seen_s: list[float] = []
    thread.start()
    until_s = time.monotonic() + duration_s
    while time.monotonic() < until_s + _SEEN_WITHIN_S:
        fresh = watch.calls() - 1 - len(seen_s)
        seen_s += [time.monotonic()] * fresh
        if time.monotonic() > until_s:
            sender.stopping.set()
            thread.join()
            if len(seen_s) == len(sender.sent_s):
                break
        time.sleep(_POLL_GAP_S)
    if sender.failed is not None:
        raise sender.failed
    if len(seen_s) != len(sender.sent_s):
        raise WrongResultError(f"{len(sender.sent_s)} probes were sent, {len(seen_s)} seen")
    return [seen - sent for sent, seen in zip(sender.sent_s, seen_s, strict=True)]
