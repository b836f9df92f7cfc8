"""The supervisor with real child processes: restarts, readiness, and never an orphan."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.tooling.embedded.data_directory import port_is_free
from services.tooling.embedded.process_records import write_record
from services.tooling.stop_signals import StopRequested, StopSignals
from services.tooling.supervisor import ProcessSpec, Supervisor, SupervisorError, end_leftovers
from tests.integration.services.tooling.running_processes import lives

_SLEEPS = "import time; time.sleep(600)"
_IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf');"
    "time.sleep(600)"
)
_DRAINS = (
    "import signal, sys, time\n"
    "def drain(*_):\n"
    "    time.sleep(0.3); print('drained'); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, drain)\n"
    "signal.signal(signal.SIGINT, lambda *_: print('interrupted'))\n"
    "print('running')\n"
    "while True: time.sleep(0.05)\n"
)
_HAS_A_CHILD = (
    "import subprocess, sys, time\n"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)\n"
    "time.sleep(600)\n"
)
_ANSWERS_AFTER_A_WHILE = (
    "import http.server, os, time\n"
    "time.sleep(0.4)\n"
    "class Answer(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200 if self.path == '/readyz' else 404); self.end_headers()\n"
    "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()\n"
)


def _spec(name: str, script: str, **changes: object) -> ProcessSpec:
    argv = (sys.executable, "-u", "-c", script)
    return ProcessSpec(name=name, argv=argv, **changes)  # type: ignore[arg-type] # a spec's fields


@pytest.fixture
def reports() -> list[str]:
    """What the supervisor told the operator."""
    return []


@pytest.fixture
def supervise(tmp_path: Path, reports: list[str]) -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors that are stopped when the test ends."""
    made: list[Supervisor] = []

    def make(*specs: ProcessSpec, drain_s: float = 10.0) -> Supervisor:
        supervisor = Supervisor(
            specs,
            records=tmp_path / "records",
            logs=tmp_path,
            report=reports.append,
            drain_s=drain_s,
        )
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        supervisor.stop(urgent=lambda: True)


def _recorded_pid(folder: Path, name: str) -> int:
    return int((folder / "records" / name).read_text(encoding="ascii").split()[0])


def _wait_for(condition: Callable[[], object], *, doing: Callable[[], None] | None = None) -> None:
    deadline_s = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline_s
        if doing is not None:
            doing()
        time.sleep(0.02)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _free_port() -> int:
    return next(port for port in range(20_000 + os.getpid() % 10_000, 40_000) if port_is_free(port))


def test_crashed_child_is_started_again(
    tmp_path: Path, supervise: Callable[..., Supervisor], reports: list[str]
) -> None:
    """SIGKILL to a child brings a new one; the other is left in peace; the operator is told."""
    supervisor = supervise(_spec("one", _SLEEPS), _spec("two", _SLEEPS))
    supervisor.start()
    supervisor.wait_until_ready(patience_s=5)
    first, other = _recorded_pid(tmp_path, "one"), _recorded_pid(tmp_path, "two")
    os.kill(first, signal.SIGKILL)
    _wait_for(lambda: reports, doing=supervisor.check)
    _wait_for((tmp_path / "records" / "one").exists, doing=supervisor.check)
    assert first != _recorded_pid(tmp_path, "one")
    assert other == _recorded_pid(tmp_path, "two")
    assert ["one ended with signal 9, starting again in 0.5 s"] == reports


def test_child_that_keeps_crashing_is_started_ever_more_slowly(
    supervise: Callable[..., Supervisor], reports: list[str]
) -> None:
    """The wait doubles, so that a broken release does not eat the machine."""
    supervisor = supervise(_spec("one", "raise SystemExit(3)"))
    supervisor.start()
    _wait_for(lambda: len(reports) == 3, doing=supervisor.check)
    assert [
        f"one ended with exit code 3, starting again in {wait} s" for wait in ("0.5", "1", "2")
    ] == reports


def test_child_that_never_starts_is_an_error_with_its_own_last_words(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    """After three ends before it was ready the start is given up, in one line."""
    url = f"http://127.0.0.1:{_free_port()}/readyz"
    supervisor = supervise(_spec("one", "raise ValueError('no such table')", ready_url=url))
    supervisor.start()
    with pytest.raises(SupervisorError) as caught:
        supervisor.wait_until_ready(patience_s=20)
    assert (
        "one ends while it starts: ValueError: no such table "
        f"(its log is {tmp_path / 'one.log'})" == str(caught.value)
    )


def test_readiness_waits_for_the_url(supervise: Callable[..., Supervisor]) -> None:
    """A child that lives is not yet one that answers."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/readyz"
    supervisor = supervise(
        _spec("one", _ANSWERS_AFTER_A_WHILE, env={"PORT": str(port)}, ready_url=url)
    )
    supervisor.start()
    assert port_is_free(port)
    supervisor.wait_until_ready(patience_s=15)
    assert not port_is_free(port)


def test_answer_other_than_200_is_not_ready(supervise: Callable[..., Supervisor]) -> None:
    """The wait has an end, and says who was late."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/other"
    supervisor = supervise(
        _spec("one", _ANSWERS_AFTER_A_WHILE, env={"PORT": str(port)}, ready_url=url)
    )
    supervisor.start()
    with pytest.raises(SupervisorError, match="one is not ready after 1 s"):
        supervisor.wait_until_ready(patience_s=1)


def test_stop_lets_children_drain(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    """SIGTERM is answered in the child's own time, within the bound."""
    supervisor = supervise(_spec("one", _DRAINS))
    supervisor.start()
    _wait_for(lambda: "running" in _text(tmp_path / "one.log"))
    supervisor.stop()
    assert "running\ndrained\n" == _text(tmp_path / "one.log")
    assert [] == list((tmp_path / "records").iterdir())


def test_stop_kills_who_does_not_end_in_time(
    tmp_path: Path, supervise: Callable[..., Supervisor], reports: list[str]
) -> None:
    """The drain is bounded."""
    supervisor = supervise(_spec("one", _IGNORES_SIGTERM), drain_s=0.5)
    supervisor.start()
    _wait_for(lambda: "deaf" in _text(tmp_path / "one.log"))
    pid = _recorded_pid(tmp_path, "one")
    supervisor.stop()
    assert not lives(pid)
    assert ["one did not end in time and is killed"] == reports


def test_stop_leaves_no_grandchildren(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    """A child that does not end its own workers has them ended."""
    supervisor = supervise(_spec("one", _HAS_A_CHILD))
    supervisor.start()
    _wait_for(lambda: "\n" in _text(tmp_path / "one.log"))
    grandchild = int(_text(tmp_path / "one.log"))
    assert lives(grandchild)
    supervisor.stop()
    _wait_for(lambda: not lives(grandchild))


@pytest.fixture
def supervised_run(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `supervised_run.py` with two children and waits until they run."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *, drain_s: float = 10.0, **changes: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.integration.services.tooling.supervised_run"]
        process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload] # options
            [*command, str(tmp_path), str(drain_s), script, script],
            **{"stdout": subprocess.PIPE, "text": True, **changes},
        )
        started.append(process)
        _wait_for(lambda: _text(tmp_path / "child-1.log") and _text(tmp_path / "child-2.log"))
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _children(folder: Path) -> list[int]:
    return [_recorded_pid(folder, name) for name in ("child-1", "child-2")]


def test_sigterm_ends_children_then_the_supervisor(
    tmp_path: Path, supervised_run: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """The way a service manager ends it: exit code 0 and nothing left."""
    run = supervised_run(_DRAINS)
    children = _children(tmp_path)
    run.send_signal(signal.SIGTERM)
    assert run.stdout is not None
    assert ["ready", "ended"] == run.stdout.read().splitlines()
    assert 0 == run.wait(timeout=10)
    assert not any(lives(pid) for pid in children)
    assert "running\ndrained\n" == _text(tmp_path / "child-1.log")


def test_second_signal_ends_children_at_once(
    tmp_path: Path, supervised_run: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Who presses Ctrl-C twice does not want to wait for the drain."""
    run = supervised_run(_IGNORES_SIGTERM, drain_s=600)
    children = _children(tmp_path)
    run.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert run.poll() is None
    run.send_signal(signal.SIGINT)
    assert 0 == run.wait(timeout=10)
    assert not any(lives(pid) for pid in children)


def test_kill_of_the_supervisor_ends_its_children(
    tmp_path: Path, supervised_run: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Nobody is there to end them any more: the system does."""
    run = supervised_run(_IGNORES_SIGTERM)
    children = _children(tmp_path)
    run.kill()
    run.wait()
    _wait_for(lambda: not any(lives(pid) for pid in children))


def test_ctrl_c_in_a_terminal_lets_children_drain(
    tmp_path: Path, supervised_run: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """A terminal signals its whole foreground group; children are none of it and end in order."""
    master_fd, terminal_fd = pty.openpty()
    run = supervised_run(
        _DRAINS,
        stdin=terminal_fd,
        stdout=terminal_fd,
        # The terminal becomes the controlling one of a new session, as a shell's is.
        preexec_fn=lambda: os.login_tty(terminal_fd),
    )
    os.close(terminal_fd)
    children = _children(tmp_path)
    output = os.read(master_fd, 1024)
    os.write(master_fd, b"\x03")
    while chunk := _read_terminal(master_fd):
        output += chunk
    os.close(master_fd)
    assert 0 == run.wait(timeout=10)
    assert re.fullmatch(rb"ready\r\n\^Cended\r\n", output)
    assert not any(lives(pid) for pid in children)
    assert "running\ndrained\n" == _text(tmp_path / "child-1.log"), "not interrupted"


def _read_terminal(master_fd: int) -> bytes:
    try:
        return os.read(master_fd, 1024)
    except OSError:  # Linux: the other side is closed
        return b""


def test_closed_terminal_ends_children_then_the_supervisor(
    tmp_path: Path, supervised_run: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """SIGHUP is what a window that is closed sends."""
    run = supervised_run(_DRAINS)
    children = _children(tmp_path)
    run.send_signal(signal.SIGHUP)
    assert 0 == run.wait(timeout=10)
    assert not any(lives(pid) for pid in children)


def test_leftovers_of_a_killed_run_are_ended(tmp_path: Path) -> None:
    """Where the system did not end them (macOS, in a bad moment), the next run does."""
    left = subprocess.Popen([sys.executable, "-c", _SLEEPS])
    write_record(tmp_path / "projector-9", left.pid)
    end_leftovers(tmp_path)
    assert -signal.SIGTERM == left.wait(timeout=5)
    assert [] == list(tmp_path.iterdir())


def test_stranger_with_the_id_of_a_leftover_is_left_alone(tmp_path: Path) -> None:
    """After a machine's restart ids begin again: the start time tells who is who."""
    stranger = subprocess.Popen([sys.executable, "-c", _SLEEPS])
    try:
        record = tmp_path / "projector-9"
        record.write_text(f"{stranger.pid} {time.time() - 3600}\n", encoding="ascii")
        end_leftovers(tmp_path)
        assert not record.exists()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_signal_while_starting_unwinds_once() -> None:
    """The first one raises, wherever we are; the next ones only count."""
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as stop:
        with pytest.raises(StopRequested):
            signal.raise_signal(signal.SIGTERM)
        assert (True, False) == (stop.requested, stop.urgent)
        signal.raise_signal(signal.SIGINT)
        assert stop.urgent
    assert before == signal.getsignal(signal.SIGTERM)


def test_huge_log_is_set_aside_while_it_is_written(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    """A run of months does not fill the disk; the process goes on appending."""
    supervisor = supervise(_spec("one", "import time\nwhile True: print('line'); time.sleep(0.05)"))
    supervisor.start()
    log = tmp_path / "one.log"
    with log.open("r+b") as file:
        file.truncate(65 * 1024 * 1024)
    supervisor.check()
    assert log.stat().st_size < 1024
    assert (tmp_path / "one.log.1").stat().st_size >= 65 * 1024 * 1024
    _wait_for(lambda: "line\nline\n" in _text(log))
