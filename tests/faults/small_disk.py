"""A disk of a test's own that is small, fills up and grows: a tmpfs, where we may mount one."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_MIB = 1024 * 1024
#: What fills the disk is written in pieces, the last ones small: nothing is left over.
_PIECES_BYTES = (_MIB, 4096, 1)


class SmallDisk:
    """A mounted folder."""

    def __init__(self, folder: Path) -> None:
        """`small_disk` mounts it."""
        self._folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room; again and again where a server gives some back."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for piece_bytes in _PIECES_BYTES:
                with contextlib.suppress(OSError):
                    while ballast.write(b"\0" * piece_bytes):
                        pass

    def free(self) -> None:
        """Make room by deleting what is in the way."""
        self._ballast.unlink()

    def grow(self, size_mib: int) -> None:
        """Make room by a larger disk."""
        _run("mount", "-o", f"remount,size={size_mib}m", str(self._folder))


@contextlib.contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[SmallDisk]:
    """Put a folder that nobody uses, and all that it holds, on a disk of its own until the end.

    Skips the test where this process may not mount.
    """
    if shutil.which("mount") is None:
        pytest.skip("no program here that mounts")
    found, before = folder.stat(), folder.with_name(f"{folder.name} before")
    _run("cp", "-a", str(folder), str(before))
    try:
        _run(
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={size_mib}m,mode=0700",
            "callfold-test",
            str(folder),
        )
    except subprocess.CalledProcessError as error:
        pytest.skip(f"may not mount a disk here: {error.stderr.strip()}")
    try:
        os.chown(folder, found.st_uid, found.st_gid)
        _run("cp", "-a", f"{before}/.", str(folder))
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
