"""Kamailio as a publisher: what it says about SIPp's calls is what SIPp itself counted."""

import hashlib
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pytest

from services.tooling.embedded import DataDirectory, EmbeddedRedis
from shared.contracts.call_events import CallEnded
from tests.e2e.sip.call_plans import (
    ANSWERED,
    BUSY,
    CALLERS,
    NUMBER,
    PLANS,
    CallPlan,
)
from tests.e2e.sip.inbox import Inbox, Published
from tests.e2e.sip.product import ORGANIZATION, run_product
from tests.e2e.sip.proxy import Proxy, run_proxy
from tests.e2e.sip.sipp import Counters, place_calls

_MISSING = [program for program in ("kamailio", "sipp") if shutil.which(program) is None]

pytestmark = [
    pytest.mark.sip,
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {' and '.join(_MISSING)}"),
]

_CALLS = 6  # more than there are callers, so that the first of them calls twice
_KEYS = {"organization": "org 1%s", "execution": "run 1%", "program": "winter-2026"}
_RING_TIMEOUT_MS = 1500
_HEADER_NAMES_IT = {"WITH_ORGANIZATION_HEADER": "", "RING_TIMEOUT_MS": str(_RING_TIMEOUT_MS)}
#: Where callMetrics counts an outcome; a cancelled call shows as failed (reports.md).
_BUCKETS = {
    "completed": "answered",
    "no_answer": "noAnswer",
    "busy": "busy",
    "rejected": "rejected",
    "failed": "failed",
    "cancelled": "failed",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+05:30")
_SOURCE = re.compile(r"/kamailio/proxy-1/\d{10}")


@dataclass(frozen=True, slots=True)
class Line:
    """A proxy with the Redis that it publishes to."""

    redis: EmbeddedRedis
    proxy: Proxy
    inbox: Inbox


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One Redis and one proxy for all tests; each test takes from the inbox what it caused."""
    folder = tmp_path_factory.mktemp("line")
    with (
        DataDirectory.claim(folder / "redis") as directory,
        EmbeddedRedis(directory).start() as redis,
        run_proxy(folder / "proxy", redis.url, _HEADER_NAMES_IT) as proxy,
    ):
        yield Line(redis, proxy, Inbox(redis.url))


def _place(plan: CallPlan, proxy: Proxy, folder: Path, calls: int = _CALLS) -> Counters:
    return place_calls(
        plan,
        proxy_port=proxy.port,
        callee_port=proxy.callee_port,
        folder=folder,
        keys=_KEYS,
        calls=calls,
    )


def _expected_types(plan: CallPlan) -> list[str]:
    answered = ["call.answered"] if plan.answered else []
    return ["call.initiated", "call.ringing", *answered, "call.ended"]


def _by_call(events: Sequence[Published]) -> dict[str, list[Published]]:
    ordered = sorted(events, key=lambda event: (event.fields["subject"], event.event.time_us))
    return {key: list(group) for key, group in groupby(ordered, lambda e: e.fields["subject"])}


def _expected_initiated(plan: CallPlan, number: int) -> dict[str, object]:
    caller = CALLERS[(number - 1) % len(CALLERS)]
    data: dict[str, object] = {
        "from": caller.number,
        "to": NUMBER,
        "direction": "outbound",
        "provider": "kamailio",
        "providerCallId": f"{plan.call_id_prefix}{number}",
        "contactId": caller.contact_id,
        "programId": _KEYS["program"],
    }
    if caller.attempt != "0":  # attempts count from 1: what is no attempt is left out
        data["attempt"] = int(caller.attempt)
    if caller.name is not None:
        data["context"] = {"fromDisplayName": caller.name}
    return data


def _expected_ended(plan: CallPlan) -> dict[str, object]:
    data: dict[str, object] = {
        "outcome": plan.outcome,
        "sipCode": plan.sip_code,
        "hangupBy": plan.hangup_by,
        "hangupReason": plan.hangup_reason,
    }
    if plan.q850_cause is not None:
        data["q850Cause"] = plan.q850_cause
    return data


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_calls_of_each_kind_are_published_as_sipp_counted_them(
    line: Line, plan: CallPlan, tmp_path: Path
) -> None:
    """Each call is one event of each kind it went through, however often SIP repeats itself."""
    counters = _place(plan, line.proxy, tmp_path)
    calls = _by_call(line.inbox.take(_CALLS * len(_expected_types(plan))))
    assert _CALLS == counters.placed == counters.received(plan.code_at_caller)
    assert {f"{plan.call_id_prefix}{n}" for n in range(1, _CALLS + 1)} == set(calls)
    for number in range(1, _CALLS + 1):
        events = calls[f"{plan.call_id_prefix}{number}"]
        assert _expected_types(plan) == [event.type for event in events]
        assert _expected_initiated(plan, number) == events[0].data
        assert [{}] * (len(events) - 2) == [event.data for event in events[1:-1]]
        said = events[-1].data
        said.pop("durationMs", None)
        assert _expected_ended(plan) == said


@pytest.mark.parametrize("plan", (ANSWERED, BUSY), ids=lambda plan: plan.name)
def test_envelope_of_each_event_is_whole_and_exact(
    line: Line, plan: CallPlan, tmp_path: Path
) -> None:
    """Attributes say who, what and when; ids differ within a call; the counter has no gap."""
    started_us = time.time_ns() // 1000
    _place(plan, line.proxy, tmp_path)
    events = line.inbox.take(_CALLS * len(_expected_types(plan)))
    for published in events:
        fields = published.fields
        assert {"specversion", "id", "source", "type", "subject", "time", "sequence"} | {
            "organizationid",
            "executionid",
            "data",
        } == set(fields)
        assert _KEYS["organization"] == fields["organizationid"]
        assert _KEYS["execution"] == fields["executionid"]
        assert f"1/{published.type}" == fields["id"]
        assert _SOURCE.fullmatch(fields["source"])
        assert _TIME.fullmatch(fields["time"])
        assert started_us < published.event.time_us < (published.entry_ms + 1) * 1000
    sequences = [int(published.fields["sequence"]) for published in events]
    assert list(range(min(sequences), min(sequences) + len(events))) == sorted(sequences)


def test_duration_runs_from_the_answer_to_the_bye(line: Line, tmp_path: Path) -> None:
    """Whole milliseconds, at least the caller's 300 ms of talk, and none for other calls."""
    _place(ANSWERED, line.proxy, tmp_path)
    for answered, ended in (
        events[-2:] for events in _by_call(line.inbox.take(_CALLS * 4)).values()
    ):
        assert isinstance(ended.event, CallEnded)
        duration_ms = ended.event.data.duration_ms
        assert duration_ms is not None
        # `time` of call.ended is read a moment after the end that the duration runs to.
        difference_us = ended.event.time_us - answered.event.time_us
        assert 300 <= duration_ms <= difference_us // 1000 <= duration_ms + 5


def test_long_call_id_becomes_its_md5(line: Line, tmp_path: Path) -> None:
    """A subject has at most 128 characters; the SIP Call-ID itself stays readable."""
    plan = replace(BUSY, name="x" * 140)
    _place(plan, line.proxy, tmp_path, calls=1)
    call_id = f"{plan.call_id_prefix}1"
    events = line.inbox.take(3)
    assert {hashlib.md5(call_id.encode(), usedforsecurity=False).hexdigest()} == {
        published.fields["subject"] for published in events
    }
    assert [call_id] == [e.data["providerCallId"] for e in events if e.type == "call.initiated"]


def test_redis_down_delays_events_and_stops_no_call(line: Line, tmp_path: Path) -> None:
    """SIP goes on without Redis; once it is back everything is there, once and in order."""
    line.redis.stop()
    counters = _place(ANSWERED, line.proxy, tmp_path)
    assert _CALLS == counters.placed == counters.received(200)
    line.redis.restart()
    events = line.inbox.take(_CALLS * 4)
    assert Counter(dict.fromkeys(_expected_types(ANSWERED), _CALLS)) == Counter(
        published.type for published in events
    )
    sequences = [int(published.fields["sequence"]) for published in events]
    assert list(range(sequences[0], sequences[0] + len(events))) == sequences


def test_call_from_elsewhere_than_a_dialer_is_refused_unpublished(
    line: Line, tmp_path: Path
) -> None:
    """Only dialers may place calls, and only they are believed about whose calls these are."""
    settings = {**_HEADER_NAMES_IT, "DIALERS": '"192.0.2.0/24"'}
    (tmp_path / "calls").mkdir()
    with run_proxy(tmp_path / "proxy", line.redis.url, settings) as proxy:
        counters = _place(replace(BUSY, callee=None), proxy, tmp_path / "calls")
    assert _CALLS == counters.placed == counters.received(403)
    line.inbox.take(0)


@pytest.mark.timeout(420)
def test_report_equals_sipps_counters(tmp_path: Path) -> None:
    """From the wire to the read API: every bucket of callMetrics is SIPp's own count."""
    settings = {"ORGANIZATION": f'"{ORGANIZATION}"', "RING_TIMEOUT_MS": str(_RING_TIMEOUT_MS)}
    expected: Counter[str] = Counter(voicemail=0, completed=0)
    with (
        run_product(tmp_path) as product,
        run_proxy(tmp_path / "proxy", product.redis_url, settings) as proxy,
    ):
        for plan in PLANS:
            folder = tmp_path / plan.name
            folder.mkdir()
            counters = _place(plan, proxy, folder)
            expected["totalCalls"] += counters.placed
            expected[_BUCKETS[plan.outcome]] += counters.received(plan.code_at_caller)
        expected["connected"] = expected["answered"] + expected["voicemail"]
        metrics = product.await_call_metrics(_KEYS["execution"], expected)
    assert dict(expected) == {name: metrics.get(name) for name in expected}
