"""Clocks that lie: processes that a library tells another time, from their start or at a leap."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.tooling.embedded import EmbeddedRedis
from services.tooling.embedded.server_process import SERVER_ENVIRONMENT
from shared.delivery.connection import redis_client
from tests.installation import until

DAY_S = 86_400
_LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"
#: Read by the library in the server's folder, once a second.
_FILE = "clock"
_TELL_S = 5.0


def _library() -> str:
    found = sorted(Path("/").glob(_LIBRARIES))
    if not found:
        pytest.skip("no libfaketime here: Debian has it in the package faketime")
    return str(found[0])


def clock_environment(ahead_s: int) -> dict[str, str]:
    """The environment in which a program's clock is ahead of ours; skips where it would not be.

    Timers go on by the true clock, as they do on a machine whose date is set.
    """
    told = {
        "LD_PRELOAD": _library(),
        "FAKETIME": f"{ahead_s:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    answer = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env=told, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode or abs(float(answer.stdout) - time.time() - ahead_s) > _TELL_S:
        pytest.skip(f"this Python takes the time from nobody: {answer.stderr.strip()}")
    return told


@contextmanager
def processes_ahead(ahead_s: int) -> Iterator[None]:
    """What is started in the block has a clock that is so far ahead, or behind where negative."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clock_environment(ahead_s).items():
            patch.setenv(name, value)
        yield


class RedisClock:
    """The clock of one embedded Redis, which must be started again to heed it."""

    def __init__(self, server: EmbeddedRedis, folder: Path) -> None:
        """`folder` is the server's own, where it can read the file."""
        self._server = server
        self._file = folder / _FILE

    def restart(self, ahead_s: int) -> None:
        """Start the server again with a clock that is so far ahead."""
        self._file.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        told = {
            **clock_environment(0),
            "FAKETIME_TIMESTAMP_FILE": _FILE,
            "FAKETIME_CACHE_DURATION": "1",
        }
        del told["FAKETIME"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in told.items():
                patch.setitem(SERVER_ENVIRONMENT, name, value)
            self._server.restart()
        self._wait_until(ahead_s)

    def leap(self, ahead_s: int) -> None:
        """Set the clock of the running server."""
        self._file.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        self._wait_until(ahead_s)

    def _wait_until(self, ahead_s: int) -> None:
        with redis_client(self._server.url) as client:
            until(
                lambda: abs(client.time()[0] - time.time() - ahead_s) < _TELL_S,
                f"Redis' clock is {ahead_s} s ahead",
            )
