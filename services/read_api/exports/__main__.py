"""`python -m services.read_api.exports`: writes one file to standard output, in frames.

The order is a line of JSON on standard input, which stays open: when it ends, whoever asked is
gone, and so is this process.
"""

import gc
import os
import sys
import threading

import msgspec

from services.read_api.exports.file_writing import opened_file
from services.read_api.exports.frames import END, FAILURE, HEAD, HEADER, PIECE, Order
from shared.errors import CallfoldError


def main() -> int:
    """Write the file; returns the exit code 1 where it cannot be written."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    # Rows die young and in no cycles.
    gc.disable()
    try:
        with opened_file(order) as file:
            _say(HEAD, msgspec.json.encode(file.head))
            for piece in file.pieces() if file.head.found and not file.head.refused else ():
                _say(PIECE, piece, file.rows)
            _say(END, b"", file.rows)
    except CallfoldError as error:
        _say(FAILURE, str(error).encode())
        return 1
    return 0


def _say(letter: bytes, content: bytes, rows: int = 0) -> None:
    """Waits while the pipe is full: that is how a slow client slows the database's cursor."""
    sys.stdout.buffer.write(HEADER.pack(letter, len(content), rows) + content)
    sys.stdout.buffer.flush()


def _end_with_the_asker() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
