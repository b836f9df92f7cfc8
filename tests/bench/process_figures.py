"""What the operating system says of a process: CPU seconds and memory."""

import re
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process, its living children, and those that it has waited for."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    total_s = times.user + times.system
    total_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    for child in process.children(recursive=True):
        try:
            of_child = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total_s += of_child.user + of_child.system
    return float(total_s)


def rss_bytes(pid: int) -> int:
    """Resident memory now."""
    return int(psutil.Process(pid).memory_info().rss)


def peak_rss_bytes(pid: int) -> int:
    """The most that was ever resident; what is now where the system does not tell (macOS)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return rss_bytes(pid)
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else rss_bytes(pid)
