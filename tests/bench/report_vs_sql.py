"""`report-vs-sql`: the main report's query against ad-hoc SQL over the rows of the calls.

Both run over one connection of the read API's pool. The SQL computes the call and billing metrics
only, which favours it: contacts have no columns that it could count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import ReadPool
from shared.storage.report_connections import ReportConnections
from shared.storage.report_queries import ReportQueries
from tests.bench.load import ORGANIZATION_ID, Load, campaigns_of, write_campaigns
from tests.bench.measurement import Measurement, compare
from tests.bench.product import product
from tests.bench.truth import WrongResultError, check_installation
from tests.bench.workbench import Workbench

#: Calls of a simulated campaign per event, repetitions included.
_EVENTS_PER_CALL = 23.5
_REPORTS_A_ROUND = 100
_QUERIES_A_ROUND = 5
_SEED = 7
_AD_HOC = """
    SELECT json_object_agg(status, calls), sum(billable)
    FROM (
        SELECT
            status, count(*) AS calls,
            count(*) FILTER (WHERE flow_outcome = 'completed') AS flow_completed,
            coalesce(sum(total_cost), 0) AS cost,
            count(*) FILTER (WHERE total_cost > 0) AS billable
        FROM gen_1.attempts
        WHERE organization_id = %(organization_id)s AND execution_id = %(execution_id)s
            AND kind = 'call'
        GROUP BY status
    ) AS by_status
"""


def report_vs_sql(bench: Workbench) -> Measurement:
    """Milliseconds of both; the ratio says how much faster the report is."""
    calls_aimed = 5_000 if bench.quick else 50_000
    load = _one_campaign(bench, calls_aimed)
    (execution_id, truth), *_ = load.truths.items()
    bench.publish_fresh(load)
    with product(bench.servers, bench.folder) as running:
        running.start_projectors(1)
        running.wait_until_caught_up(bench.servers.stream_ends())
        check_installation(running, load)
        running.vacuum()
        pairs = asyncio.run(_measure(running.database_url, execution_id, truth, bench.rounds))
    beside = {"calls": truth["callMetrics"]["totalCalls"]}
    return compare(
        "report-vs-sql", "ms", "SQL over the rows of the calls", pairs, beside, how_often=True
    )


def _one_campaign(bench: Workbench, calls: int) -> Load:
    events = int(calls * _EVENTS_PER_CALL)
    bench.note(f"writing about {events:,} events of one campaign")
    campaigns = campaigns_of(events, seed=_SEED, executions=1)
    return write_campaigns(bench.folder / "one-campaign", campaigns, seed=_SEED)


async def _measure(
    database_url: str, execution_id: str, truth: dict[str, Any], rounds: int
) -> list[tuple[float, float]]:
    pool, connections = ReadPool(database_url, 1), ReportConnections(database_url, 1)
    await pool.open()
    try:
        queries = ReportQueries(LiveQueries(connections))
        place = {"organization_id": ORGANIZATION_ID, "execution_id": execution_id}

        async def ad_hoc() -> None:
            _check(await pool.fetch_one(_AD_HOC, place), truth["callMetrics"])

        async def report() -> None:
            await queries.main_report(ORGANIZATION_ID, execution_id)

        await _median_ms(report, _QUERIES_A_ROUND)
        await _median_ms(ad_hoc, _QUERIES_A_ROUND)
        return [
            (await _median_ms(report, _REPORTS_A_ROUND), await _median_ms(ad_hoc, _QUERIES_A_ROUND))
            for _ in range(rounds)
        ]
    finally:
        await connections.close()
        await pool.close()


async def _median_ms(step: Callable[[], Awaitable[None]], times: int) -> float:
    taken_s = []
    for _ in range(times):
        started_s = time.monotonic()
        await step()
        taken_s.append(time.monotonic() - started_s)
    return median(taken_s) * 1000


def _check(row: tuple[Any, ...] | None, metrics: dict[str, Any]) -> None:
    """The ad-hoc query counts the same calls as the truth."""
    counts = {} if row is None else row[0]
    names = {"completed": "answered", "no_answer": "noAnswer"}
    for status, calls in counts.items():
        if metrics[names.get(status, status)] != calls:
            raise WrongResultError(f"ad-hoc SQL counts {counts}; the truth is {metrics}")
    if sum(counts.values()) != metrics["totalCalls"]:
        raise WrongResultError(f"ad-hoc SQL counts {counts}; the truth is {metrics}")
