"""The zstd dictionary of the log: trained on contract-shaped events, versioned, shipped.

Small segments compress several times better with it. It is kept in the database too, so that a log
can be read without the release that wrote it.
"""

from importlib.resources import files
from typing import Final

VERSION: Final = 1


def load(version: int = VERSION) -> bytes:
    """The shipped dictionary of a version."""
    return (files("shared.storage") / f"log_v{version}.zdict").read_bytes()
