"""The read API's side of the process that writes a file: started, listened to, ended."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

from services.read_api.exports.frames import END, FAILURE, HEAD, HEADER, PIECE, Head, Order
from shared.errors import StorageError
from shared.limits import EXPORT_TAKES_S
from shared.web_edge.refusals import BadRequest, Busy, NotFound

#: How long a request waits until another export is over.
_PATIENCE_S: Final = 10.0
_PIPE_BYTES: Final = 256 * 1024
_decode_head = msgspec.json.Decoder(Head).decode


class ExportProcess:
    """A file that is being written.

    Attributes:
        head: What was known before its first byte.
    """

    def __init__(self, process: Process, head: Head) -> None:
        self.head = head
        self._process = process

    async def pieces(self) -> AsyncIterator[tuple[bytes, int]]:
        """The pieces of the file, and how many rows are written by then.

        Raises:
            StorageError: it broke off; what was said so far is not the whole file.
        """
        while True:
            letter, content, rows = await _frame(self._process)
            if letter == END:
                return
            yield content, rows


class ExportProcesses:
    """Starts the processes of one read API, so many at a time."""

    def __init__(self, at_a_time: int) -> None:
        self._free = asyncio.Semaphore(at_a_time)

    @asynccontextmanager
    async def writing(self, order: Order, not_found: str) -> AsyncIterator[ExportProcess]:
        """A process that writes, gone afterwards.

        Raises:
            Busy: too many are under way.
            NotFound: there is no such execution.
            BadRequest: the format cannot hold it.
            StorageError: the database is away, or it broke off.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._free.acquire()
        except TimeoutError:
            raise Busy("too many exports at a time; try again, or ask for a job") from None
        try:
            async with asyncio.timeout(EXPORT_TAKES_S), _started(order) as process:
                _, content, _ = await _frame(process)
                head = _decode_head(content)
                if not head.found:
                    raise NotFound(not_found)
                if head.refused is not None:
                    raise BadRequest(head.refused)
                yield ExportProcess(process, head)
        except TimeoutError:
            raise StorageError(f"an export may take {EXPORT_TAKES_S} s") from None
        finally:
            self._free.release()


@asynccontextmanager
async def _started(order: Order) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.read_api.exports",
        stdin=PIPE,
        stdout=PIPE,
        limit=_PIPE_BYTES,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


async def _frame(process: Process) -> tuple[bytes, bytes, int]:
    assert process.stdout is not None
    try:
        letter, length, rows = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
        content = await process.stdout.readexactly(length)
    except asyncio.IncompleteReadError:
        raise StorageError("the export's process ended early") from None
    if letter == FAILURE:
        raise StorageError(content.decode())
    if letter not in {HEAD, PIECE, END}:
        raise StorageError("the export's process speaks another language")
    return letter, content, rows
