"""Bodies within bounds: what a process holds at a time, and how long it waits for more."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from litestar.types import Receive

from services.ingest import request_body
from services.ingest.request_body import Bodies, Body
from shared.limits import HTTP_BODIES_BYTES_MAX, HTTP_BODY_BYTES_MAX
from shared.web_edge.refusals import BadRequest, Busy, TooLarge, TooSlow

_FULL = b"x" * HTTP_BODY_BYTES_MAX
_FULL_BODIES = HTTP_BODIES_BYTES_MAX // HTTP_BODY_BYTES_MAX


def arriving(chunks: Iterable[bytes], *, ends: bool = True) -> Receive:
    """The server's side of a body; where it does not end, its client sends no more."""
    waiting = list(chunks)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or not ends}

    return receive


async def gone() -> Any:
    """The client left."""
    return {"type": "http.disconnect"}


async def test_chunks_are_put_together() -> None:
    """In order, empty ones too."""
    async with Bodies().read(Body([], arriving([b"a", b"", b"bc"]))) as whole:
        assert b"abc" == whole


async def test_process_holds_so_much_and_no_more() -> None:
    """One more is told to come again; when one is done there is room for another."""
    bodies = Bodies()
    held = [bodies.read(Body([], arriving([_FULL]))) for _ in range(_FULL_BODIES)]
    for one in held:
        await one.__aenter__()
    with pytest.raises(Busy):
        await bodies.read(Body([], arriving([b"x"]))).__aenter__()
    await held[0].__aexit__(None, None, None)
    async with bodies.read(Body([], arriving([_FULL]))) as whole:
        assert HTTP_BODY_BYTES_MAX == len(whole)


async def test_refused_bodies_are_not_held() -> None:
    """Neither too large ones, nor those whose client left."""
    bodies = Bodies()
    for _ in range(2 * _FULL_BODIES):
        with pytest.raises(TooLarge):
            await bodies.read(Body([], arriving([_FULL, b"x"]))).__aenter__()
    with pytest.raises(BadRequest):
        await bodies.read(Body([], gone)).__aenter__()
    async with bodies.read(Body([], arriving([b"x"]))) as whole:
        assert b"x" == whole


async def test_body_that_is_announced_too_large_is_not_read() -> None:
    """Nothing need arrive to know."""
    headers = [(b"content-length", str(HTTP_BODY_BYTES_MAX + 1).encode())]
    with pytest.raises(TooLarge):
        await Bodies().read(Body(headers, arriving([], ends=False))).__aenter__()


async def test_body_that_stops_arriving_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that forgets to go on holds nothing for ever."""
    monkeypatch.setattr(request_body, "_ARRIVAL_S", 0.05)
    bodies = Bodies()
    with pytest.raises(TooSlow):
        await bodies.read(Body([], arriving([_FULL], ends=False))).__aenter__()
    async with bodies.read(Body([], arriving([b"x"]))) as whole:
        assert b"x" == whole


async def test_unwanted_body_is_taken_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """To its end, but neither for ever nor without end, nor where the client asks first."""
    monkeypatch.setattr(request_body, "_ARRIVAL_S", 0.05)
    short = Body([], arriving([b"x", b"y"]))
    await short.discard()
    assert not short.more
    for endless in (arriving([b"x"], ends=False), arriving([_FULL] * 10)):
        body = Body([], endless)
        await body.discard()
        assert body.more
    asks = Body([(b"expect", b"100-continue")], arriving([b"x"]))
    await asks.discard()
    assert asks.more
    await Body([], gone).discard()
