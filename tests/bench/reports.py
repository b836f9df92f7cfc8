"""`report-hot`, `report-changed`: the main report against a bare route of the same service.

64 connections ask as fast as they are answered, first for the bare route, then for reports, in
turn, with the same key: the bare route stands behind the same authentication and rate limit. Hot:
one report that does not change. Changed: all reports in turn, each read anew for each request (the
read API keeps none), while events change them; beside it, what the cache makes of the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from json import loads
from statistics import median
from typing import Any

from tests.bench.call_events import initiated
from tests.bench.http_load import CONNECTIONS, Answers, ask_for, request
from tests.bench.load import Load, xadd
from tests.bench.measurement import Measurement, compare, percentile, significant
from tests.bench.pacing import paced
from tests.bench.product import Product, product
from tests.bench.truth import WrongResultError, check_installation, check_log, fetch, report_path
from tests.bench.workbench import Workbench

_BARE_PATH = "/v1/whoami"
_CHANGES_PER_S = 100

#: The reports' answers and the bare route's.
Round = tuple[Answers, Answers]


def report_hot(bench: Workbench) -> Measurement:
    """Median time of an unchanged report, against the bare route's."""
    load = _load(bench)
    with _installation(bench, load) as running:
        path = report_path(next(iter(load.truths)))
        rounds = _rounds(bench, running, [path])
    pairs = [(_p50_ms(report), _p50_ms(bare)) for report, bare in rounds]
    beside: dict[str, object] = {
        "report_per_s": significant(median(report.per_s for report, _ in rounds)),
        "bare_per_s": significant(median(bare.per_s for _, bare in rounds)),
        **_beside(rounds),
    }
    return compare("report-hot", "ms", f"GET {_BARE_PATH}", pairs, beside)


def report_changed(bench: Workbench) -> Measurement:
    """Reports a second while all of them change, against the bare route in the same time."""
    load = _load(bench)
    with _installation(bench, load) as running:
        paths = [report_path(execution_id) for execution_id in load.truths]
        changes = _changes(list(load.truths))
        with paced(bench.servers.redis_url, changes, _CHANGES_PER_S) as pacer:
            kept = _rounds(bench, running, paths)
            running.start_read_api(CALLFOLD_REPORT_CACHE_BYTES="0")
            rounds = _rounds(bench, running, paths)
        running.wait_until_caught_up(bench.servers.stream_ends())
        _check_changes(running, load, pacer.sent)
    pairs = [(report.per_s, bare.per_s) for report, bare in rounds]
    beside: dict[str, object] = {
        "report_p50_ms": significant(median(_p50_ms(report) for report, _ in rounds)),
        "bare_p50_ms": significant(median(_p50_ms(bare) for _, bare in rounds)),
        "with_cache_per_s": significant(median(report.per_s for report, _ in kept)),
        "with_cache_ratio": significant(median(report.per_s / bare.per_s for report, bare in kept)),
        "changes_per_s": _CHANGES_PER_S,
        **_beside(rounds),
    }
    return compare("report-changed", "requests/s", f"GET {_BARE_PATH}", pairs, beside)


def _load(bench: Workbench) -> Load:
    return bench.load(30_000 if bench.quick else 200_000)


@contextmanager
def _installation(bench: Workbench, load: Load) -> Iterator[Product]:
    """One projector that has folded the load, and the read API; all reports are right."""
    bench.publish_fresh(load)
    with product(bench.servers, bench.folder) as running:
        running.start_projectors(1)
        running.wait_until_caught_up(bench.servers.stream_ends())
        check_installation(running, load)
        yield running


def _rounds(bench: Workbench, running: Product, paths: Sequence[str]) -> list[Round]:
    """Ask for both in turn."""
    port, key = running.read_api_port, running.api_key()
    bare, reports = [request(_BARE_PATH, key)], [request(path, key) for path in paths]
    stretch_s = 1.0 if bench.quick else 4.0
    for wanted in (bare, reports):
        ask_for(port, wanted, stretch_s / 2)  # connections of the pool, prepared statements
    rounds = []
    for number in range(1, bench.rounds + 1):
        of_bare = ask_for(port, bare, stretch_s)
        of_reports = ask_for(port, reports, stretch_s)
        rounds.append((of_reports, of_bare))
        bench.note(f"round {number}: {of_reports.per_s:,.0f}/s, bare {of_bare.per_s:,.0f}/s")
    return rounds


def _changes(execution_ids: Sequence[str]) -> Iterator[tuple[bytes, int]]:
    """One call more for each execution in turn, for ever."""
    for number in count():
        execution_id = execution_ids[number % len(execution_ids)]
        yield xadd(*initiated(execution_id, f"change-{number}")), 1


def _check_changes(running: Product, load: Load, changes: int) -> None:
    """Every change is in the reports, as one call more."""
    check_log(running.database_url, load.events + changes)
    key = running.api_key()
    expected = sum(truth["callMetrics"]["totalCalls"] for truth in load.truths.values()) + changes
    found = 0
    for execution_id in load.truths:
        report: Any = loads(fetch(running.read_api_port, report_path(execution_id), key))
        found += report["callMetrics"]["totalCalls"]
    if found != expected:
        raise WrongResultError(f"the reports count {found} calls; expected {expected}")


def _p50_ms(answers: Answers) -> float:
    return median(answers.latencies_s) * 1000


def _beside(rounds: Sequence[Round]) -> dict[str, object]:
    return {
        "report_p99_ms": significant(
            median(percentile(report.latencies_s, 0.99) for report, _ in rounds) * 1000
        ),
        "connections": CONNECTIONS,
        # Near 1, this benchmark would measure its own generator.
        "generator_share_of_core": significant(
            max(answers.generator_share for one in rounds for answers in one)
        ),
    }
