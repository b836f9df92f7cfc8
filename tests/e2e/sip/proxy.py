"""Runs Kamailio with the configuration of `deploy/kamailio`, on free ports of the loopback.

Called by `test_sip`. Kamailio ends with the test run, also when that is killed.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from services.tooling.embedded.launcher import launch_command
from tests.e2e.sip.sipp import free_udp_port

_CONFIGURATION = Path(__file__).parents[3] / "deploy" / "kamailio"
_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 15.0
_POLL_INTERVAL_S = 0.1
#: A zone with half an hour in its offset, so that events in local time without it would show.
_TIME_ZONE = "Asia/Kolkata"
_OPTIONS = (
    "OPTIONS sip:proxy@127.0.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{turn}\r\n"
    "From: <sip:test@127.0.0.1>;tag=1\r\n"
    "To: <sip:proxy@127.0.0.1>\r\n"
    "Call-ID: ready-{turn}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\n"
    "Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: callers call `port`, and it relays to `callee_port`."""

    port: int
    callee_port: int
    log: Path


@contextmanager
def run_proxy(folder: Path, redis_url: str, settings: Mapping[str, str]) -> Iterator[Proxy]:
    """Run it while the block runs.

    Args:
        folder: for its configuration, control socket and log; is created.
        settings: further settings of kamailio.cfg, as its preprocessor reads them.
    """
    folder.mkdir()
    proxy = Proxy(free_udp_port(), free_udp_port(), folder / "kamailio.log")
    for file in ("kamailio.cfg", "call_events.cfg"):
        shutil.copy(_CONFIGURATION / file, folder)
    _write_settings(folder / "local.cfg", proxy, redis_url, settings)
    process = _start(folder, proxy.log)
    try:
        _wait_until_ready(proxy, process)
        yield proxy
    finally:
        _end(process)


def _write_settings(file: Path, proxy: Proxy, redis_url: str, settings: Mapping[str, str]) -> None:
    """Write local.cfg, which also keeps the password of Redis out of the list of processes."""
    redis = urlsplit(redis_url)
    server = f"name=callfold;addr={redis.hostname};port={redis.port}"
    if redis.password:
        server += f";pass={redis.password}"
    values = {
        "LISTEN": f"udp:{_LOOPBACK}:{proxy.port}",
        "DESTINATION": f'"sip:{_LOOPBACK}:{proxy.callee_port}"',
        "REDIS": f'"{server}"',
        **settings,
    }
    lines = (f"#!define {name} {value}".rstrip() for name, value in values.items())
    file.write_text("\n".join([*lines, ""]), "utf-8")


def _start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    command = ["kamailio", "-DD", "-E", "-m", "256", "-f", "kamailio.cfg", "-Y", str(folder)]
    with log.open("wb") as output:
        return subprocess.Popen(
            launch_command(command, death_signal=signal.SIGTERM),
            cwd=folder,
            env={**os.environ, "TZ": _TIME_ZONE},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait_until_ready(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((_LOOPBACK, 0))
        client.settimeout(_POLL_INTERVAL_S)
        port = client.getsockname()[1]
        turn = 0
        while time.monotonic() < deadline_s and process.poll() is None:
            turn += 1
            request = _OPTIONS.format(port=port, turn=turn)
            client.sendto(request.encode(), (_LOOPBACK, proxy.port))
            try:
                if client.recv(65_536).startswith(b"SIP/2.0 200"):
                    return
            except TimeoutError:
                continue
    raise AssertionError(f"Kamailio does not answer:\n{proxy.log.read_text('utf-8')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; what is left of its processes after that is killed."""
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
