"""Requests counted over processes through a real Redis, and by each alone where there is none."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
import redis
from litestar.types import Message, Receive, Scope, Send

from shared.clock import utc_now
from shared.web_edge.rate_limits import RateLimits, with_rate_limits
from shared.web_edge.refusals import TooManyRequests
from tests.installation import free_port, until


def _left(limits: RateLimits, subject: str = "key:a") -> int:
    """Count a request; what is left, or -1 where it was refused."""
    scope = cast("Scope", {"type": "http"})
    try:
        limits.count(scope, subject)
    except TooManyRequests:
        return -1
    return int(_said(scope).split(b"r=")[1].split(b";")[0])


def _said(scope: Scope) -> bytes:
    (_, (name, value)) = cast("dict[str, Any]", scope)["callfold.rate_limit"]
    assert name == b"ratelimit"
    return cast("bytes", value)


async def _until(true: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, true, what)


def _fixed() -> datetime:
    """A clock that stands still, so that no window ends within a test."""
    return _NOW


_NOW = utc_now()


async def test_requests_are_counted_over_all_processes(redis_url: str) -> None:
    """What one process let through, the other cannot let through again."""
    first, second = (RateLimits(10, redis_url, _fixed) for _ in range(2))
    async with first.sharing(), second.sharing():
        assert [9, 8, 7, 6] == [_left(first) for _ in range(4)]
        assert 9 == _left(first, "key:b")
        with redis.Redis.from_url(redis_url) as client:
            await _until(lambda: len(client.keys("callfold:limits:*")) == 2, "Redis was told")
            assert all(0 < client.ttl(key) <= 120 for key in client.keys("callfold:limits:*"))
        assert 9 == _left(second)
        await _until(lambda: second._counted["key:a"].told == 5, "Redis said")
        assert [4, 3, 2, 1, 0, -1, -1] == [_left(second) for _ in range(7)]
        await _until(lambda: second._counted["key:a"].told == 10, "Redis was told")
        assert 5 == _left(first)
        await _until(lambda: first._counted["key:a"].told == 11, "Redis said")
        assert -1 == _left(first)
        assert 8 == _left(first, "key:b")


async def test_without_redis_each_process_counts_alone() -> None:
    """And refuses all the same; a new minute begins anew, and old ones are forgotten."""
    now = _NOW
    limits = RateLimits(3, None, lambda: now)
    async with limits.sharing():
        assert [2, 1, 0, -1] == [_left(limits) for _ in range(4)]
        assert 2 == _left(limits, "key:b")
        now += timedelta(seconds=60)
        assert [2, 1, 0, -1] == [_left(limits) for _ in range(4)]
        assert {"key:a"} == set(limits._counted)


async def test_redis_that_is_away_refuses_nobody_and_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting goes on in memory."""
    monkeypatch.setattr("shared.web_edge.rate_limits._TELL_AGAIN_S", 0.01)
    limits = RateLimits(5, f"redis://127.0.0.1:{free_port()}", _fixed)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(limits.sharing())
        assert 4 == _left(limits)
        await _until(lambda: limits._is_away, "it is noticed")
        assert [3, 2, 1, 0, -1] == [_left(limits) for _ in range(5)]
        await asyncio.sleep(0.1)
    written = capsys.readouterr()
    assert 1 == (written.out + written.err).count("counted by each process alone")


async def test_refusal_says_when_to_go_on() -> None:
    """Once the window is over, it works again."""
    now = _NOW
    limits = RateLimits(1, None, lambda: now)
    assert 0 == _left(limits)
    with pytest.raises(TooManyRequests) as refused:
        limits.count(cast("Scope", {"type": "http"}), "key:a")
    again_s = int(refused.value.headers["retry-after"])
    assert 1 <= again_s <= 60
    now += timedelta(seconds=again_s)
    assert 0 == _left(limits)


async def test_no_limit_counts_nothing_and_says_nothing() -> None:
    """0 turns it off."""
    limits, scope = RateLimits(0, None), cast("Scope", {"type": "http"})
    limits.count(scope, "key:a")
    assert {"type": "http"} == cast("dict[str, Any]", scope)


async def test_answer_says_policy_and_what_is_left() -> None:
    """As draft-ietf-httpapi-ratelimit-headers spells it; uncounted requests get neither."""
    limits = RateLimits(100, None, _fixed)
    sent: list[Message] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/counted":
            limits.count(scope, "key:a")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message: Message) -> None:
        sent.append(message)

    for path in ("/counted", "/other"):
        scope = cast("Scope", {"type": "http", "path": path})
        await with_rate_limits(app)(scope, cast("Receive", None), send)
    counted, other = (dict(cast("Any", message)["headers"]) for message in sent)
    assert b'"default";q=100;w=60' == counted[b"ratelimit-policy"]
    remaining, _, seconds = counted[b"ratelimit"].partition(b";t=")
    assert b'"default";r=99' == remaining
    assert 1 <= int(seconds) <= 60
    assert {b"a": b"b"} == other
