"""Runs a set of child processes: starts them, restarts what crashes, ends all without orphans.

Used by `callfold up` with the processes of an installation. It knows nothing of what they do. All
of it happens in one thread: on Linux children end with the thread that started them.
"""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.tooling.embedded.launcher import launch_command
from services.tooling.embedded.process_records import end_leftover, forget_record, write_record
from services.tooling.embedded.server_process import most_telling_line
from services.tooling.stop_signals import StopRequested, StopSignals
from shared.errors import CallfoldError

_DRAIN_S = 20.0  # a projector finishes its batch and gives its leases back
_LEFTOVER_PATIENCE_S = 5.0
_BACKOFF_FIRST_S = 0.5
_BACKOFF_MAX_S = 30.0
_STEADY_S = 60.0  # who lived this long starts over with the first backoff
_START_FAILURES_MAX = 3  # ends in a row before it was ever ready
_READY_ANSWER_S = 2.0
_PASS_INTERVAL_S = 0.1
_LOG_BYTES_MAX = 64 * 1024 * 1024
_LOG_TAIL_BYTES = 16 * 1024
_LOG_CHECK_INTERVAL_S = 30.0


class SupervisorError(CallfoldError):
    """A process does not come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process to run."""

    name: str  #: of its log file and in messages
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  #: on top of our own environment
    ready_url: str | None = None  #: answers 200 when it is ready; None: at once
    #: What it gets when the supervisor was killed; not SIGKILL where it has children of its own.
    death_signal: signal.Signals = signal.SIGKILL


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    backoff_s: float = _BACKOFF_FIRST_S
    start_failures: int = 0
    ready: bool = False
    log_start_bytes: int = 0


class Supervisor:
    """The children of one run."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        records: Path,
        logs: Path | None,
        report: Callable[[str], None],
        drain_s: float = _DRAIN_S,
    ) -> None:
        """Nothing is started yet.

        Args:
            records: folder for process records, see `end_leftovers`.
            logs: folder for one log file a process; None sends all to our standard error.
            report: takes one line for the operator about a restart or a forced end.
            drain_s: how long a child may take to end before it is killed.
        """
        self._children = [_Child(spec) for spec in specs]
        self._records = records
        self._logs = logs
        self._report = report
        self._drain_s = drain_s
        self._logs_checked_s = float("-inf")

    def start(self) -> None:
        """Start all of them; they come up side by side."""
        self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
        for child in self._children:
            self._start(child)

    def wait_until_ready(self, *, patience_s: float) -> None:
        """Return when every readiness URL has answered 200.

        Raises:
            SupervisorError: one keeps ending, or is not ready within `patience_s`.
        """
        deadline_s = time.monotonic() + patience_s
        while waiting := [child for child in self._children if not self._is_ready(child)]:
            self.check()
            for child in waiting:
                if child.start_failures >= _START_FAILURES_MAX:
                    raise SupervisorError(self._failure(child, "ends while it starts"))
                if time.monotonic() > deadline_s:
                    raise SupervisorError(
                        self._failure(child, f"is not ready after {patience_s:g} s")
                    )
            time.sleep(_PASS_INTERVAL_S)

    def run(self, stop: StopSignals, each_pass: Callable[[], None]) -> None:
        """Keep all running until a stop signal; `each_pass` is called ten times a second."""
        with contextlib.suppress(StopRequested):
            while not stop.requested:
                each_pass()
                self.check()
                time.sleep(_PASS_INTERVAL_S)

    def check(self) -> None:
        """Notice which children have ended, and start again those whose backoff is over."""
        for child in self._children:
            if child.process is None:
                if time.monotonic() >= child.start_at_s:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._note_end(child, code)
        if time.monotonic() - self._logs_checked_s > _LOG_CHECK_INTERVAL_S:
            self._logs_checked_s = time.monotonic()
            self._bound_logs()

    def stop(self, *, urgent: Callable[[], bool] = lambda: False) -> None:
        """End all: SIGTERM, a bounded drain, SIGKILL. May be called twice.

        Args:
            urgent: asked all along; once it says yes, who still runs is killed at once.
        """
        running = [(child.spec.name, child.process) for child in self._children if child.process]
        for _name, process in running:
            process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + self._drain_s
        while any(process.poll() is None for _name, process in running):
            if urgent() or time.monotonic() > deadline_s:
                break
            time.sleep(_PASS_INTERVAL_S / 4)
        for name, process in running:
            if process.poll() is None:
                self._report(f"{name} did not end in time and is killed")
            _kill_group(process.pid)
            process.wait()
            forget_record(self._records / name)
        for child in self._children:
            child.process = None

    def _start(self, child: _Child) -> None:
        spec = child.spec
        # An exception of a stop signal between these lines leaves a child that we do not know;
        # it ends with us, as after kill -9.
        with contextlib.ExitStack() as opened:
            output = sys.stderr.fileno()
            if self._logs is not None:
                log = opened.enter_context((self._logs / f"{spec.name}.log").open("ab"))
                child.log_start_bytes = log.tell()
                output = log.fileno()
            child.process = subprocess.Popen(
                launch_command(list(spec.argv), death_signal=spec.death_signal),
                env={**os.environ, **spec.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is ours alone: we end them in order
            )
        child.started_s = time.monotonic()
        write_record(self._records / spec.name, child.process.pid)

    def _note_end(self, child: _Child, code: int) -> None:
        if child.process is not None:
            _kill_group(child.process.pid)
        forget_record(self._records / child.spec.name)
        child.process = None
        if time.monotonic() - child.started_s > _STEADY_S:
            child.backoff_s = _BACKOFF_FIRST_S
        if not child.ready:
            child.start_failures += 1
        child.start_at_s = time.monotonic() + child.backoff_s
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._report(
            f"{child.spec.name} ended with {cause}, starting again in {child.backoff_s:g} s"
        )
        child.backoff_s = min(child.backoff_s * 2, _BACKOFF_MAX_S)

    def _is_ready(self, child: _Child) -> bool:
        if not child.ready and child.process is not None:
            url = child.spec.ready_url
            child.ready = url is None or _answers_ok(url)
        return child.ready

    def _failure(self, child: _Child, what: str) -> str:
        if self._logs is None:
            return f"{child.spec.name} {what}"
        path = self._logs / f"{child.spec.name}.log"
        with path.open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(child.log_start_bytes, size_bytes - _LOG_TAIL_BYTES))
            line = most_telling_line(log.read().decode("utf-8", "replace"))
        return f"{child.spec.name} {what}: {line} (its log is {path})"

    def _bound_logs(self) -> None:
        """Keep a long run from filling the disk: one older file, then begin again.

        The file is emptied, not renamed, since the processes go on appending to it.
        """
        for log in sorted(self._logs.glob("*.log")) if self._logs is not None else ():
            if log.stat().st_size > _LOG_BYTES_MAX:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)


def end_leftovers(records: Path) -> None:
    """End the children that a killed supervisor left behind; call it before anything starts."""
    for record in sorted(records.glob("*")):
        end_leftover(record, signal.SIGTERM, patience_s=_LEFTOVER_PATIENCE_S)


def _kill_group(leader_pid: int) -> None:
    """SIGKILL to what is left of a child's process group: workers that it did not end itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGKILL)


def _answers_ok(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_READY_ANSWER_S)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
