"""What the process that writes a file tells the read API, over a pipe: frames.

A frame is a letter, a length, how many rows are written by then, and so many bytes. That the last
one is missing tells that the file is not whole.
"""

from struct import Struct as Layout
from typing import Final

import msgspec

#: Letter, bytes that follow, rows so far.
HEADER: Final = Layout("<cIQ")
#: A `Head`, as JSON: the first frame.
HEAD: Final = b"H"
#: A piece of the file; it may be empty, and then only tells how far it is.
PIECE: Final = b"P"
#: The file is whole.
END: Final = b"E"
#: It will not be: why, as text.
FAILURE: Final = b"F"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process shall write, as it is told."""

    database_url: str
    organization_id: str
    execution_id: str
    kind: str
    format: str
    profile: str
    #: The instant that the summary's running durations are of.
    now_us: int


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before the first byte of the file."""

    #: Whether there is such an execution.
    found: bool = True
    #: Of the calls export its calls, of the summary 0.
    rows: int = 0
    #: Why the format cannot hold the file.
    refused: str | None = None
