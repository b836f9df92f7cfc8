"""The read API as its own process, and requests to it that no client tidies up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.http_answers import Answer, ask, named_headers
from tests.installation import free_port

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class ReadApi:
    """A running read API."""

    port: int
    process: subprocess.Popen[str]

    def get(
        self, target: str, key: str | None = None, method: str = "GET", **headers: str
    ) -> Answer:
        """Ask for a target exactly as written; `if_none_match` is sent as `if-none-match`."""
        return ask(self.port, method, target, named_headers(headers, key))

    def wait_until(self, target: str, status: int, key: str | None = None) -> Answer:
        """Ask until the status is as wanted."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            answer = self.get(target, key)
            if answer.status == status:
                return answer
            assert time.monotonic() < deadline_s, f"{target} still answers {answer}"
            time.sleep(0.05)


@contextmanager
def running_read_api(database_url: str, **settings: str) -> Iterator[ReadApi]:
    """The process, listening; ended by SIGTERM, which must be clean.

    Args:
        settings: environment variables.
    """
    port = free_port()
    process = start_read_api(database_url, port, **settings)
    try:
        yield _listening(ReadApi(port, process))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            _, errors = process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, errors


def start_read_api(database_url: str | None, port: int, **settings: str) -> subprocess.Popen[str]:
    """Start the process without waiting for it; None leaves the database unset."""
    environment = os.environ | {"CALLFOLD_READ_API_PORT": str(port)} | settings
    environment.pop("CALLFOLD_DATABASE_URL", None)
    if database_url is not None:
        environment["CALLFOLD_DATABASE_URL"] = database_url
    return subprocess.Popen(
        [sys.executable, "-m", "services.read_api"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def _listening(read_api: ReadApi) -> ReadApi:
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            read_api.get("/livez")
        except OSError:
            assert read_api.process.poll() is None, read_api.process.communicate()[1]
            assert time.monotonic() < deadline_s, "the read API does not listen"
            time.sleep(0.02)
        else:
            return read_api
