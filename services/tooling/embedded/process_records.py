"""Which process we started, on disk, so that the next run can end what a crashed one left behind.

Written by the embedded servers and the supervisor beside their data; read at the next start, under
the data directory's lock. A record is a process id with its start time: after a restart of the
machine the same id belongs to somebody else, and must be left alone.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

# The package ships no types, and its stubs would be one more dependency for five calls.
import psutil  # type: ignore[import-untyped]

_START_TIME_TOLERANCE_S = 2.0  # the boot time it is computed from moves with the clock
_POLL_INTERVAL_S = 0.01
_KILL_PATIENCE_S = 5.0


def write_record(record: Path, pid: int) -> None:
    """Remember a process of ours that was just started; one that has ended already is not kept."""
    with contextlib.suppress(psutil.NoSuchProcess):
        started_at_s = psutil.Process(pid).create_time()
        record.write_text(f"{pid} {started_at_s}\n", encoding="ascii")


def forget_record(record: Path) -> None:
    """Drop the record of a process that has ended."""
    record.unlink(missing_ok=True)


def end_leftover(record: Path, stop_signal: signal.Signals, *, patience_s: float) -> None:
    """End the recorded process if it still runs: politely, then by force; forget the record."""
    process = _recorded_process(record)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
        if not _ends_within(process, patience_s):
            kill_tree(process.pid)
            _ends_within(process, patience_s)
    forget_record(record)


def kill_tree(pid: int) -> None:
    """Send SIGKILL to a process and to all that descend from it, as a dying machine would."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        descendants = process.children(recursive=True)
        for one in (process, *descendants):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        for one in descendants:
            _ends_within(one, _KILL_PATIENCE_S)


def works_in(pid: int, directory: Path) -> bool:
    """Whether that process exists and has `directory` as its working directory."""
    try:
        working_directory = Path(psutil.Process(pid).cwd())
    except psutil.Error:
        return False
    return os.path.realpath(working_directory) == os.path.realpath(directory)


def kill_all_in(directory: Path) -> None:
    """Send SIGKILL to all our processes whose working directory is `directory`; wait for them."""
    found = [process for process in psutil.process_iter() if works_in(process.pid, directory)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for process in found:
        _ends_within(process, _KILL_PATIENCE_S)


def _recorded_process(record: Path) -> "psutil.Process | None":
    try:
        pid, started_at_s = record.read_text(encoding="ascii").split()
        process = psutil.Process(int(pid))
        age_difference_s = abs(process.create_time() - float(started_at_s))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if age_difference_s <= _START_TIME_TOLERANCE_S else None


def _ends_within(process: "psutil.Process", patience_s: float) -> bool:
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(_POLL_INTERVAL_S)
    return False
