"""How processes that fold keep memory: Python's garbage collector, and the C library's heap."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

#: `M_MMAP_THRESHOLD` of glibc's malloc.h.
_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 512 * 1024


def collect_rarely() -> None:
    """Spare what lives long, and look seldom: states are built and dropped by the million."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)


def return_large_blocks() -> None:
    """Give memory of large events back at once, where the C library is glibc.

    Otherwise the first of them that is freed lets the next ones lie between small objects: after a
    burst of events of 1 MiB half as much again stayed resident.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
