"""Runs SIPp, once as the callee and once as the caller, and reads the caller's own counters.

Called by `test_sip`. The scenarios are the .xml files beside this module; every wait has an end.
"""

import contextlib
import csv
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.sip.call_plans import CALLERS, CallPlan

_SCENARIOS = Path(__file__).parent
_LOOPBACK = "127.0.0.1"
_CALLS_PER_S = 20
#: SIPp gives up by itself after this long, and is killed a little later.
_PATIENCE_S = 20
_KILL_AFTER_S = 25
_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True)
class Counters:
    """What the calling SIPp counted: the messages of its scenario, in their order."""

    messages: Mapping[str, int]

    @property
    def placed(self) -> int:
        """The calls placed: first INVITEs, without those that were repeated."""
        return self.messages["0_INVITE_Sent"]

    def received(self, code: int) -> int:
        """Replies with that code at the place where the scenario first expects it."""
        name = re.compile(rf"\d+_{code}_Recv")
        return next(count for key, count in self.messages.items() if name.fullmatch(key))


def place_calls(
    plan: CallPlan,
    *,
    proxy_port: int,
    callee_port: int,
    folder: Path,
    keys: Mapping[str, str],
    calls: int,
) -> Counters:
    """Place so many calls of that plan; all of them must go as both scenarios say.

    Args:
        folder: where scenarios, counters and error logs are written; must be empty.
        keys: further keywords of the caller's scenario.
    """
    with contextlib.ExitStack() as running:
        sides = []
        if plan.callee is not None:
            command = _callee_command(plan.callee, plan, folder, callee_port, calls)
            sides.append(running.enter_context(_sipp(command, folder / "callee.log")))
            _wait_until_bound(callee_port)
        command = _caller_command(plan, folder, proxy_port, keys, calls)
        sides.append(running.enter_context(_sipp(command, folder / "caller.log")))
        for side in reversed(sides):
            _expect_success(side, folder)
    return _read_counters(folder, plan.caller)


def free_udp_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _callee_command(callee: str, plan: CallPlan, folder: Path, port: int, calls: int) -> list[str]:
    scenario = (_SCENARIOS / f"{callee}.xml").read_text("utf-8")
    scenario = scenario.replace("[status]", f"{plan.sip_code} {plan.reply_phrase}")
    file = folder / f"{callee}.xml"
    file.write_text(scenario.replace("[reason]", plan.reason), "utf-8")
    return ["sipp", "-sf", str(file), *_common(port, calls)]


def _caller_command(
    plan: CallPlan, folder: Path, proxy_port: int, keys: Mapping[str, str], calls: int
) -> list[str]:
    rows = folder / "callers.csv"
    lines = [";".join(caller.columns) for caller in CALLERS]
    rows.write_text("\n".join(["SEQUENTIAL", *lines, ""]), "utf-8")
    keywords = [part for key, value in keys.items() for part in ("-key", key, value)]
    scenario = _SCENARIOS / f"{plan.caller}.xml"
    target = f"{_LOOPBACK}:{proxy_port}"
    head = ["sipp", target, "-sf", str(scenario), "-inf", str(rows), "-trace_counts", *keywords]
    call_id = plan.call_id_prefix.replace("%", "%%") + "%u"
    rate = ["-r", str(_CALLS_PER_S), "-cid_str", call_id]
    return [*head, *rate, *_common(free_udp_port(), calls)]


def _common(port: int, calls: int) -> list[str]:
    """The options of both sides; a call that goes otherwise than planned makes SIPp fail."""
    bounds = ["-m", str(calls), "-timeout", str(_PATIENCE_S), "-timeout_error"]
    return ["-i", _LOOPBACK, "-p", str(port), "-nostdin", "-trace_err", "-skip_rlimit", *bounds]


@contextlib.contextmanager
def _sipp(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run it; it does not outlive the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_bound(port: int) -> None:
    """Wait for SIPp to listen: an INVITE sent before that would be repeated and counted twice."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                return
        time.sleep(_POLL_INTERVAL_S)
    raise AssertionError(f"SIPp does not listen at port {port}")


def _expect_success(process: subprocess.Popen[bytes], folder: Path) -> None:
    code = process.wait(timeout=_KILL_AFTER_S)
    errors = "\n".join(file.read_text("utf-8") for file in folder.glob("*_errors.log"))
    assert code == 0, f"SIPp ended with {code}\n{errors}"


def _read_counters(folder: Path, scenario: str) -> Counters:
    (file,) = folder.glob(f"{scenario}_*_counts.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        last = list(csv.DictReader(lines, delimiter=";"))[-1]
    counts = {key: int(text) for key, text in last.items() if re.match(r"\d+_", key or "")}
    return Counters(counts)
