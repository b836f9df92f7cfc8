"""The launcher's way on systems without a death signal (macOS), which runs on Linux as well."""

import signal
import subprocess
import sys
import time

import psutil  # type: ignore[import-untyped] # ships no types

from services.tooling.embedded.launcher import launch_command
from tests.integration.services.tooling.running_processes import wait_until_gone


def test_program_that_is_watched_ends_with_its_starter() -> None:
    """The way of systems without a death signal (macOS), run here: stay beside it and look."""
    script = (
        "import signal, subprocess, sys, time\n"
        "from services.tooling.embedded.launcher import launch_command\n"
        "command = launch_command(['sleep', '600'], death_signal=signal.SIGTERM, watch=True)\n"
        "print(subprocess.Popen(command).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        watcher_pid = int(starter.stdout.readline())
    pids = [watcher_pid, *_children_of(watcher_pid)]
    starter.kill()
    starter.wait()
    wait_until_gone(pids)


def test_program_that_is_watched_passes_signals_and_exit_codes_on() -> None:
    """To its starter the watcher behaves as the program would."""
    exits = launch_command(["sh", "-c", "exit 7"], death_signal=signal.SIGKILL, watch=True)
    assert 7 == subprocess.run(exits, check=False).returncode
    sleeps = launch_command(["sleep", "600"], death_signal=signal.SIGKILL, watch=True)
    watcher = subprocess.Popen(sleeps)
    children = _children_of(watcher.pid)
    watcher.terminate()
    assert 128 + signal.SIGTERM == watcher.wait(timeout=10)
    wait_until_gone(children)


def _children_of(pid: int) -> list[int]:
    """Its children, once it has one."""
    deadline_s = time.monotonic() + 10
    while not (children := psutil.Process(pid).children()):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    return [child.pid for child in children]
