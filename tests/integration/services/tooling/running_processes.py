"""Whether processes still run, for tests that end them."""

import time

import psutil  # type: ignore[import-untyped] # ships no types


def wait_until_gone(pids: list[int], patience_s: float = 10) -> None:
    """Return when none of them runs any more; fail after `patience_s`."""
    deadline_s = time.monotonic() + patience_s
    while any(lives(pid) for pid in pids):
        assert time.monotonic() < deadline_s, f"still running: {pids}"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
