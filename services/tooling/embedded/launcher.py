"""Starts a process that ends with whoever started it; run as a script between the two.

`launch_command` is called by the embedded servers and by the supervisor; the script part needs the
standard library only, since it runs under `python -I -S` and as another account. It is a program
of its own because `preexec_fn` is not safe beside threads, and because Linux forgets the request
for a death signal when the user changes, so that the order is: change user, ask, become.

On Linux it becomes the program. Elsewhere (macOS) it stays beside the program and watches.
The death signal follows the *thread* that started the process: start from one that lives on.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping

_PR_SET_PDEATHSIG = 1
_WATCH_INTERVAL_S = 0.2
_WATCH_PATIENCE_S = 20.0
_CANNOT_START = 126
_SAME = "-"


def launch_command(
    argv: list[str],
    *,
    death_signal: signal.Signals,
    user_and_group: tuple[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    watch: bool = sys.platform != "linux",
) -> list[str]:
    """The command that runs `argv` and sends it `death_signal` when the calling process dies.

    Args:
        user_and_group: numeric ids to change to; the caller must be root. None stays.
        environment: the program's whole environment; None passes the launcher's own on. The
            launcher itself may need more than the program (a Python that is found through
            LD_LIBRARY_PATH), so that it cannot simply be started with this one.
        watch: stay resident and poll for the parent's death, for systems without a death signal.
    """
    ids = _SAME if user_and_group is None else f"{user_and_group[0]}:{user_and_group[1]}"
    mode = "watch" if watch else "become"
    variables = _SAME
    if environment is not None:
        variables = "\n".join(f"{name}={value}" for name, value in environment.items())
    how = [mode, str(os.getpid()), str(int(death_signal)), ids, variables]
    return [sys.executable, "-I", "-S", __file__, *how, *argv]


def main(arguments: list[str]) -> int:
    """Run the program that `launch_command` described; returns only when it watches or fails."""
    mode, parent_pid, death_signal, ids, variables, *argv = arguments
    if variables != _SAME:
        os.environ.clear()
        os.environ.update(dict(line.split("=", 1) for line in variables.split("\n")))
    # Before the change of account: Python's own files may be out of the other one's reach.
    program = argv[0] if os.sep in argv[0] else _search_path(argv[0])
    try:
        prctl = None if mode == "watch" else _load_prctl()
        if ids != _SAME:
            _change_account(*map(int, ids.split(":")))
        os.umask(0o077)
        if prctl is None:
            return _watch(program, argv, int(parent_pid), signal.Signals(int(death_signal)))
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent_pid):
            return _CANNOT_START  # the parent died before we asked to be told
        os.execv(program, argv)  # noqa: S606 -- becoming the program is the purpose
    except OSError as error:
        sys.stderr.write(f"FATAL: cannot start {argv[0]}: {error}\n")
        return _CANNOT_START


def _search_path(name: str) -> str:
    # pathlib would double the time that this process takes.
    candidates = [os.path.join(folder, name) for folder in os.get_exec_path()]  # noqa: PTH118
    return next((path for path in candidates if os.access(path, os.X_OK)), name)


def _load_prctl() -> Callable[[int, int, int, int, int], int] | None:
    try:
        import ctypes  # noqa: PLC0415 -- not every Python has it; watching is the way out
    except ImportError:
        return None
    prctl: Callable[[int, int, int, int, int], int] = ctypes.CDLL(None).prctl
    return prctl


def _change_account(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _watch(program: str, argv: list[str], parent_pid: int, death_signal: signal.Signals) -> int:
    """Run the program as a child, pass signals on, and end it when our own parent is gone."""
    passed_on = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    # Blocked until the child exists: a signal in between would end us and leave it alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
    child_pid = os.posix_spawn(program, argv, dict(os.environ), setsigmask=[])
    for number in passed_on:
        signal.signal(number, lambda received, _frame: os.kill(child_pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    kill_at_s: float | None = None
    while True:
        ended_pid, status = os.waitpid(child_pid, os.WNOHANG)
        if ended_pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if kill_at_s is None and os.getppid() != parent_pid:
            os.kill(child_pid, death_signal)
            kill_at_s = time.monotonic() + _WATCH_PATIENCE_S
        if kill_at_s is not None and time.monotonic() > kill_at_s:
            os.kill(child_pid, signal.SIGKILL)
        time.sleep(_WATCH_INTERVAL_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
