"""A whole Callfold on given servers: real processes, as an operator would start them."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from json import loads
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import psycopg

from shared.contracts.stream_names import lane_stream
from shared.delivery.connection import redis_client
from shared.storage.api_keys import create_api_key
from shared.storage.generations import all_generations, live_of

PATIENCE_S = 60.0
#: Read once: httpx would read all certificates for each request, plain ones too.
CERTIFICATES = ssl.create_default_context()

_Installation = TypeVar("_Installation", bound="Installation")


class Installation:
    """Processes on one pair of servers."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        """Nothing runs yet."""
        self.redis_url = redis_url
        self.database_url = database_url
        self.processes: list[subprocess.Popen[bytes]] = []
        self.read_api_url = ""
        self.ingest_url = ""

    @property
    def publishing_url(self) -> str:
        """The URL of Redis for whoever only publishes."""
        return self.redis_url

    def start(self, module: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start `python -m module`; its log goes to the test's stderr."""
        environment = {
            **os.environ,
            "CALLFOLD_REDIS_URL": self.redis_url,
            "CALLFOLD_DATABASE_URL": self.database_url,
            **{f"CALLFOLD_{name.upper()}": value for name, value in settings.items()},
        }
        process = subprocess.Popen([sys.executable, "-m", module], env=environment)
        self.processes.append(process)
        return process

    def start_projector(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a projector with short leases, so that lanes move fast; does not wait for it."""
        defaults = {"probe_port": str(free_port()), "lease_ms": "1500"}
        return self.start("services.projector", **{**defaults, **settings})

    def start_read_api(self) -> None:
        """Start the read API and wait until it is ready."""
        port = free_port()
        self.read_api_url = f"http://127.0.0.1:{port}"
        self.start("services.read_api", read_api_port=str(port))
        until(lambda: _answers(f"{self.read_api_url}/readyz"), "the read API is ready")

    def start_ingest(self) -> None:
        """Start ingest and wait until it is ready, which takes a projector's migrations."""
        port = free_port()
        self.ingest_url = f"http://127.0.0.1:{port}"
        self.start("services.ingest", ingest_port=str(port))
        until(lambda: _answers(f"{self.ingest_url}/readyz"), "ingest is ready")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process the hard way: kill -9."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.processes.remove(process)

    def stop(self) -> None:
        """End every process the clean way, and insist that each ends cleanly."""
        for process in self.processes:
            process.terminate()
        codes = [process.wait(timeout=30) for process in self.processes]
        self.processes.clear()
        assert all(code == 0 for code in codes), f"exit codes {codes}"

    def key(self, organization_id: str) -> str:
        """An API key that may read."""
        return create_api_key(self.database_url, organization_id, ("read",), "tests")

    def get(self, key: str, execution_id: str, path: str) -> tuple[int, Any]:
        """Status and body of `/program-execution/{executionId}/{path}`; decimals stay exact."""
        # A dot alone would be a step within the path.
        segment = quote(execution_id, safe="").replace(".", "%2E")
        url = f"{self.read_api_url}/program-execution/{segment}/{path}"
        response = httpx.get(url, headers={"x-api-key": key}, timeout=20, verify=CERTIFICATES)
        return response.status_code, loads(response.text, parse_float=Decimal)

    def wait_until_folded(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until every lane, the inbox too, is folded to the end of its stream."""
        until(self._folded, "all lanes are folded", patience_s)

    def _folded(self) -> bool:
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(
                "SELECT l.lane, l.ms, l.seq, p.ms, p.seq FROM callfold.lanes l"
                f" LEFT JOIN gen_{live(connection)}.positions p USING (lane) ORDER BY l.lane"
            ).fetchall()
        client: Any = redis_client(self.redis_url)
        for lane, ms, seq, folded_ms, folded_seq in rows:
            newest = client.xrevrange(lane_stream(lane), count=1)
            if newest and newest[0][0] != f"{ms}-{int(seq)}".encode():
                return False
            if (ms, seq) != (folded_ms or 0, folded_seq or 0):
                return False
        return True


def live(connection: psycopg.Connection) -> int:
    """The generation that is live."""
    return live_of(all_generations(connection)).number


@contextmanager
def installation(redis_url: str, database_url: str) -> Iterator[Installation]:
    """An installation whose processes are gone afterwards, whatever happened."""
    with ended_afterwards(Installation(redis_url, database_url)) as started:
        yield started


@contextmanager
def ended_afterwards(started: _Installation) -> Iterator[_Installation]:
    """Insist that all processes end cleanly, unless the test failed: then they are killed."""
    try:
        yield started
        started.stop()
    finally:
        for process in started.processes:
            process.kill()
            process.wait()


def until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is true; fail with its name when patience ends."""
    deadline_s = time.monotonic() + patience_s
    pause_s = 0.01  # what is true in a moment is seen in a moment; a long wait costs little
    while not true():
        assert time.monotonic() < deadline_s, f"waited {patience_s:.0f} s in vain until {what}"
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, 0.1)


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, verify=CERTIFICATES).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
