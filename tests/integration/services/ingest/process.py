"""Ingest as its own process, and requests to it that no client tidies up."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.http_answers import Answer, ask, named_headers
from tests.installation import free_port

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Ingest:
    """A running ingest; `log` is the file of its log."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    redis_url: str
    database_url: str

    def post(
        self,
        body: bytes | Iterable[bytes],
        key: str | None,
        content_type: str | None = EVENT,
        **headers: str,
    ) -> Answer:
        """Send a body as it is, an iterable in chunks; `ce_id` is sent as `ce-id`."""
        sent = named_headers(headers, key)
        if content_type is not None:
            sent["content-type"] = content_type
        return self.ask("POST", "/v1/events", sent, body)

    def get(self, target: str) -> Answer:
        """Ask without a key."""
        return self.ask("GET", target, {})

    def ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        return ask(self.port, method, target, headers, body)

    def wait_until(self, target: str, status: int) -> None:
        """Ask until the status is as wanted."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while (answer := self.get(target)).status != status:
            assert time.monotonic() < deadline_s, f"{target} still answers {answer}"
            time.sleep(0.05)


@contextmanager
def running_ingest(redis_url: str, database_url: str, **settings: str) -> Iterator[Ingest]:
    """The process, listening; ended by SIGTERM, which must be clean."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="callfold-tests-") as folder:
        log = Path(folder) / "ingest.log"
        with log.open("wb") as output:
            urls = {"redis_url": redis_url, "database_url": database_url}
            process = start_ingest(port, output.fileno(), **urls, **settings)
        ingest = Ingest(port, process, log, redis_url, database_url)
        try:
            _wait_until_listening(ingest)
            yield ingest
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, log.read_text()


def start_ingest(port: int, stderr: int, **settings: str) -> subprocess.Popen[bytes]:
    """Start the process without waiting for it; it sees no other `CALLFOLD_…` variables."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLFOLD_")}
    given = {f"CALLFOLD_{name.upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "services.ingest"],
        env={**inherited, **given, "CALLFOLD_INGEST_PORT": str(port)},
        stderr=stderr,
    )


def _wait_until_listening(ingest: Ingest) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            ingest.get("/livez")
        except OSError:
            assert ingest.process.poll() is None, ingest.log.read_text()
            assert time.monotonic() < deadline_s, "ingest does not listen"
            time.sleep(0.02)
        else:
            return
