"""This machine: Python, the libraries' fast paths, and room on disks of servers that run here."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg.pq

from services.tooling.doctor.check import Check, doubtful, judged, size_text, well, wrong

_TESTED: Final = ((3, 11), (3, 14))
_LIBRARIES: Final = ("redis", "psycopg", "msgspec", "faststream", "litestar")
_HERE: Final = frozenset({None, "", "localhost", "127.0.0.1", "::1"})
#: Of a disk, below which there soon is none.
_FREE_SHARE_LEAST: Final = 0.1
_FREE_BYTES_LEAST: Final = 1024**3


def machine_checks() -> Iterator[Check]:
    """What this command runs on; the other processes run on the same if they stand beside it."""
    running = sys.version_info[:2]
    low, high = (".".join(map(str, one)) for one in _TESTED)
    yield judged(
        "python version",
        sys.version.split()[0],
        f"run one from {low} to {high}",
        good=_TESTED[0] <= running <= _TESTED[1],
        fatal=running < _TESTED[0],
    )
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    slow = [
        name
        for name, fast in (
            ("hiredis", importlib.util.find_spec("hiredis") is not None),
            ("psycopg[binary]", psycopg.pq.__impl__ != "python"),
        )
        if not fast
    ]
    if slow:
        found = f"{versions}; without {', '.join(slow)}"
        yield doubtful("python libraries", found, f"install {', '.join(slow)}: far faster")
    else:
        yield well("python libraries", versions)


def disk_check(name: str, server_url: str, folder: str | None) -> Check | None:
    """Room where a server keeps its data; None where nobody here can know."""
    is_here = urlsplit(server_url).hostname in _HERE
    # A server that was started in its folder names it by itself alone.
    if not is_here or folder is None or folder.startswith("/proc/") or not Path(folder).is_dir():
        return None
    disk = shutil.disk_usage(folder)
    found = f"{size_text(disk.free)} of {size_text(disk.total)} free where {folder} is"
    to_do = "make room: a full disk stops the server"
    if disk.free < _FREE_BYTES_LEAST:
        return wrong(name, found, to_do)
    share = disk.free / disk.total
    return judged(name, found, to_do, good=share >= _FREE_SHARE_LEAST, fatal=False)
