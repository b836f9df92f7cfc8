"""Live reports as watchers see them: server-sent events of the real process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from services.read_api.reading import report_stream
from services.read_api.reading.report_cache import ReportKey
from services.read_api.reading.report_stream import ReportStreams
from shared.storage.api_keys import create_api_key
from shared.web_edge.refusals import Busy, Unauthorized
from tests.integration.services.read_api.batches import Batches, ended
from tests.integration.services.read_api.kept_reports import kept_reports
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.statement_counts import calls

_TARGET = "/program-execution/exec-1/report/stream"
_WATCHERS = 200
_PATIENCE_S = 20.0
_COMMITS = 4
#: Longer than the pause between two reports.
_APART_S = 0.7


class Watcher:
    """A client of a stream."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.headers: dict[str, str] = {}
        self.status = 0
        #: Id and number of calls of each report, as it came.
        self.reports: list[tuple[str, int]] = []

    async def begin(self) -> None:
        """Read status and headers."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)

    async def follow(self) -> None:
        """Take reports until the stream ends."""
        event_id = ""
        while line := await self._reader.readline():
            if line.startswith(b"id: "):
                event_id = line[4:].strip().decode()
            elif line.startswith(b"data: "):
                report = msgspec.json.decode(line[6:])
                self.reports.append((event_id, report["callMetrics"]["totalCalls"]))


@asynccontextmanager
async def watching(
    read_api: ReadApi, key: str | None, target: str = _TARGET, **headers: str
) -> AsyncIterator[Watcher]:
    """A watcher that has its first answer, gone afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", read_api.port)
    sent = {"host": "test", **({} if key is None else {"x-api-key": key})}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    writer.write(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
    watcher = Watcher(reader)
    await watcher.begin()
    following = asyncio.create_task(watcher.follow())
    try:
        yield watcher
    finally:
        following.cancel()
        await asyncio.wait([following])
        writer.close()


async def until_seen(watcher: Watcher, number_of_calls: int) -> None:
    """Wait until a watcher was told of so many calls."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while not watcher.reports or watcher.reports[-1][1] != number_of_calls:
        assert time.monotonic() < deadline_s, (watcher.status, watcher.reports)
        await asyncio.sleep(0.02)


async def test_many_watchers_cost_one_query_a_change(
    laid_out: str, batches: Batches, api_key: str
) -> None:
    """By PostgreSQL's own count; each of them is told of each change, once."""
    query = "json_object_agg(status, contacts)"  # of main_report.sql alone
    with running_read_api(laid_out) as read_api:
        await asyncio.to_thread(read_api.wait_until, "/readyz", 200)
        async with AsyncExitStack() as stack:
            watchers = [
                await stack.enter_async_context(watching(read_api, api_key))
                for _ in range(_WATCHERS)
            ]
            for watcher in watchers:
                await until_seen(watcher, 1)
            await asyncio.sleep(_APART_S)  # the change feed has proven that it hears
            before = calls(laid_out, query)
            for number in range(1, _COMMITS + 1):
                batches.commit(ended(f"call-{number}"))
                for watcher in watchers:
                    await until_seen(watcher, 1 + number)
                await asyncio.sleep(_APART_S)
            assert calls(laid_out, query) - before == _COMMITS
            for watcher in watchers:
                assert [seen for _, seen in watcher.reports] == list(range(1, _COMMITS + 2))


async def test_stream_resumes_behind_the_report_that_was_seen(
    laid_out: str, batches: Batches, api_key: str
) -> None:
    """`Last-Event-ID` names it; many commits at once are told at most twice a second."""
    with running_read_api(laid_out) as read_api:
        await asyncio.to_thread(read_api.wait_until, "/readyz", 200)
        async with watching(read_api, api_key) as first:
            await until_seen(first, 1)
            seen = first.reports[-1][0]
        assert first.headers["content-type"] == "text/event-stream"
        async with watching(read_api, api_key, last_event_id=seen) as again:
            await asyncio.sleep(_APART_S)
            began_s = time.monotonic()
            for number in range(1, 21):
                batches.commit(ended(f"call-{number}"))
            await until_seen(again, 21)
            took_s = time.monotonic() - began_s
        assert 1 not in [calls for _, calls in again.reports]
        assert len(again.reports) <= 2 * took_s + 2


async def test_stream_of_nothing_is_refused(laid_out: str, batches: Batches, api_key: str) -> None:
    """As any other report is: no key, no such execution, somebody else's."""
    foreign = create_api_key(laid_out, "other", ["read"], "tests")
    with running_read_api(laid_out) as read_api:
        for key, target, status in (
            (None, _TARGET, 401),
            (api_key, _TARGET.replace("exec-1", "unknown"), 404),
            (foreign, _TARGET, 404),
        ):
            async with watching(read_api, key, target) as refused:
                assert refused.status == status


async def test_process_ends_while_it_is_watched(
    laid_out: str, batches: Batches, api_key: str
) -> None:
    """SIGTERM is clean, and the watcher is let go."""
    with running_read_api(laid_out) as read_api:
        await asyncio.to_thread(read_api.wait_until, "/readyz", 200)
        async with watching(read_api, api_key) as watcher:
            await until_seen(watcher, 1)
            read_api.process.terminate()
            code = await asyncio.to_thread(read_api.process.wait, _PATIENCE_S)
            assert code == 0


async def test_stream_ends_with_its_key(
    laid_out: str, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may read no more is told nothing more; a full process refuses further watchers."""
    monkeypatch.setattr(report_stream, "_SILENCE_S", 0.0)
    checks = iter((None, None, Unauthorized("revoked")))

    async def check() -> None:
        refusal = next(checks)
        if refusal is not None:
            raise refusal

    async def never() -> None:
        await asyncio.Event().wait()

    sent: list[bytes] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(bytes(message.get("body", b"")))  # type: ignore[call-overload]

    async with kept_reports(laid_out) as kept:
        key = ReportKey("acme", "exec-1", "report")
        streams = ReportStreams(kept.reports, lambda: kept.now, 1)
        stream = await streams.stream(key, kept.reading(key), "no", check)
        scope = {"type": "http", "method": "GET", "headers": []}
        following = asyncio.create_task(stream(scope, never, send))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await streams.stream(key, kept.reading(key), "no", check)
        await asyncio.wait_for(following, _PATIENCE_S)
    assert [part for part in sent if b"event: report" in part] == sent[2:3]
    assert sent[-1] == b""
