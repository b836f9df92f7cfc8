"""The whole product as an operator starts it, and its report as a customer reads it.

Called by `test_sip`: `callfold up` in processes of its own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

#: The organization that `callfold up` prints an API key of.
ORGANIZATION = "demo"

_START_PATIENCE_S = 180.0
_STOP_PATIENCE_S = 60.0
_REPORT_PATIENCE_S = 30.0
_POLL_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class Product:
    """Where a running Callfold is reached."""

    redis_url: str
    read_api_url: str
    #: Of the organization `ORGANIZATION`.
    api_key: str

    def await_call_metrics(
        self, execution_id: str, expected: Mapping[str, int]
    ) -> dict[str, object]:
        """The report's `callMetrics`, asked for until the expected keys match or time is up."""
        url = f"{self.read_api_url}/program-execution/{quote(execution_id, safe='')}/report"
        deadline_s = time.monotonic() + _REPORT_PATIENCE_S
        metrics: dict[str, object] = {}
        with httpx.Client(
            headers={"x-api-key": self.api_key}, timeout=_REPORT_PATIENCE_S
        ) as client:
            while time.monotonic() < deadline_s:
                answer = client.get(url)
                if answer.status_code != httpx.codes.NOT_FOUND:
                    metrics = answer.raise_for_status().json()["callMetrics"]
                if expected.items() <= metrics.items():
                    break
                time.sleep(_POLL_INTERVAL_S)
        return metrics


@contextmanager
def run_product(folder: Path) -> Iterator[Product]:
    """Run `callfold up` in a data directory of its own while the block runs."""
    announcement, log = folder / "up.json", folder / "up.log"
    options = ["--json", "--projectors", "1", "--data-dir", str(folder / "data")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLFOLD_")}
    with announcement.open("wb") as output, log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.tooling", "up", *options],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield _await_announcement(process, announcement, log)
    finally:
        _end(process)


def _await_announcement(process: subprocess.Popen[bytes], announcement: Path, log: Path) -> Product:
    deadline_s = time.monotonic() + _START_PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        text = announcement.read_text("utf-8")
        if text.endswith("\n"):
            said = json.loads(text)
            return Product(said["redisUrl"], said["readApiUrl"], said["apiKey"])
        time.sleep(_POLL_INTERVAL_S)
    raise AssertionError(f"callfold up did not start:\n{log.read_text('utf-8')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
