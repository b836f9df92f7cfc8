"""Kept reports: never outdated, read once, bypassed while commits may be missed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from services.read_api.reading.answers import Report
from services.read_api.reading.report_cache import ReportKey
from shared.errors import FencedError
from shared.storage.change_feed import PROOF_S
from shared.storage.generation_schemas import create_generation
from shared.storage.report_changes import announce_everything
from shared.storage.schema import engine_of, migrate
from tests.contract.wire import changed
from tests.integration.services.read_api.batches import Batches, ended
from tests.integration.services.read_api.kept_reports import ROUTES, KeptReports, kept_reports
from tests.integration.shared.storage.lane_owner import PARTITIONS, lane_owner

_MAIN = ReportKey("acme", "exec-1", "report")


@pytest.fixture
def laid_out(database_url: str) -> str:
    """A database that holds an installation and nothing else."""
    migrate(database_url, PARTITIONS)
    return database_url


@pytest.fixture
def batches(laid_out: str) -> Iterator[Batches]:
    """Batches of the owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        yield Batches(one)


@pytest.fixture
async def kept(laid_out: str) -> AsyncIterator[KeptReports]:
    """The cache above it."""
    async with kept_reports(laid_out) as reports:
        yield reports


async def test_unchanged_report_is_read_once(kept: KeptReports, batches: Batches) -> None:
    """The second request finds the bytes of the first."""
    batches.commit(ended("call-1"))
    await kept.heard()
    first = await kept.find(_MAIN)
    assert first is not None
    assert first == await kept.find(_MAIN) == await kept.fresh(_MAIN)
    assert (1, 1) == (kept.lookups("miss"), kept.lookups("hit"))


async def test_commit_makes_a_kept_report_outdated(kept: KeptReports, batches: Batches) -> None:
    """Once the commit is heard, every route that shows the change is read anew."""
    batches.commit(ended("call-1"))
    await kept.heard()
    keys = [ReportKey("acme", "exec-1", route) for route in ROUTES]
    before = [await kept.find(key) for key in keys]
    charge = {"amount": "1.5", "nodeId": "menu", "nodeType": "menu"}
    step = {"stepId": "s", "nodeId": "menu"}
    batches.commit(
        ended("call-1", type="call.charged", data=charge),
        ended("call-1", type="node.entered", data=step),
        ended("call-2"),
    )
    await kept.heard()
    after = [await kept.find(key) for key in keys]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert after == [await kept.fresh(key) for key in keys]


async def test_commit_elsewhere_leaves_a_report_kept(kept: KeptReports, batches: Batches) -> None:
    """Another execution, and the same execution id of another organization, are others."""
    other = ReportKey("other", "exec-1", "report")
    batches.commit(ended("call-1"), ended("call-2", organizationid="other"))
    await kept.heard()
    first, foreign = await kept.find(_MAIN), await kept.find(other)
    assert first != foreign
    batches.commit(ended("call-3", organizationid="other"), ended("call-4", executionid="exec-2"))
    await kept.heard()
    assert first == await kept.find(_MAIN)
    assert foreign != await kept.find(other)
    assert (1, 3) == (kept.lookups("hit"), kept.lookups("miss"))


async def test_published_flow_reaches_every_execution(kept: KeptReports, batches: Batches) -> None:
    """Which executions join it is not known, so all of the organization are read anew."""
    scheduled = {"programId": "p", "flowId": "menu"}
    batches.commit(changed(type="execution.scheduled", subject="exec-1", data=scheduled))
    await kept.heard()
    assert b'"flowName":null' in (await kept.find(_MAIN) or b"")
    flow = {"name": "Menu", "version": 1, "nodes": [], "edges": []}
    published = changed(type="flow.published", subject="menu", data=flow)
    del published["executionid"]
    batches.commit(published)
    await kept.heard()
    assert b'"flowName":"Menu"' in (await kept.find(_MAIN) or b"")


async def test_batch_of_very_many_executions_is_heard(kept: KeptReports, batches: Batches) -> None:
    """Too many to name: all of their organization may have changed."""
    batches.commit(ended("call-1"))
    await kept.heard()
    before = await kept.find(_MAIN)
    batches.commit(
        ended("call-2"),
        *(ended(f"call-of-{number}", executionid=f"e-{number:0100}") for number in range(100)),
    )
    await kept.heard()
    assert before != await kept.find(_MAIN) == await kept.fresh(_MAIN)


async def test_batch_that_is_rolled_back_changes_nothing(
    kept: KeptReports, batches: Batches
) -> None:
    """What was not committed is not announced."""
    batches.commit(ended("call-1"))
    await kept.heard()
    before = await kept.find(_MAIN)
    batches.owner.epochs = {lane: epoch + 1 for lane, epoch in batches.owner.epochs.items()}
    with pytest.raises(FencedError):
        batches.commit(ended("call-2"))
    await kept.heard()
    assert before == await kept.find(_MAIN)
    assert 1 == kept.lookups("hit")


async def test_many_who_ask_at_once_read_once(kept: KeptReports, batches: Batches) -> None:
    """One reading for all; whoever gives up does not take it from the others."""
    batches.commit(ended("call-1"))
    await kept.heard()
    readings = 0
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def reading() -> Report | None:
        nonlocal readings
        readings += 1
        begun.set()
        await go_on.wait()
        return await kept.reading(_MAIN)()

    asking = [asyncio.create_task(kept.reports.find(_MAIN, reading)) for _ in range(50)]
    await begun.wait()
    asking[0].cancel()
    go_on.set()
    answers = await asyncio.gather(*asking[1:])
    assert 1 == readings
    assert {await kept.fresh(_MAIN)} == {kept.written(report) for report, _ in answers}
    assert (1, 49) == (kept.lookups("miss"), kept.lookups("join"))
    with pytest.raises(asyncio.CancelledError):
        await asking[0]


async def test_failed_reading_is_not_kept(kept: KeptReports, batches: Batches) -> None:
    """All who waited for it see the error; the next one reads anew."""
    batches.commit(ended("call-1"))
    await kept.heard()

    async def reading() -> Report | None:
        await asyncio.sleep(0)
        raise ConnectionError("gone")

    asking = [kept.reports.find(_MAIN, reading) for _ in range(2)]
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert ["gone", "gone"] == [str(error) for error in errors]
    assert await kept.fresh(_MAIN) == await kept.find(_MAIN)


async def test_reading_that_a_commit_overtakes_is_not_kept(
    kept: KeptReports, batches: Batches
) -> None:
    """It answers who asked before; who asks after the commit was heard does not join it."""
    batches.commit(ended("call-1"))
    await kept.heard()
    was_read, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Report | None:
        report = await kept.reading(_MAIN)()
        was_read.set()
        await go_on.wait()
        return report

    before = await kept.fresh(_MAIN)
    asking = asyncio.create_task(kept.reports.find(_MAIN, slow))
    await was_read.wait()
    batches.commit(ended("call-2"))
    await kept.heard()
    after = await kept.find(_MAIN)
    go_on.set()
    assert before == kept.written((await asking)[0])
    assert before != after == await kept.find(_MAIN) == await kept.fresh(_MAIN)


async def test_lost_listener_is_bypassed_and_comes_back_empty(
    laid_out: str, kept: KeptReports, batches: Batches
) -> None:
    """A commit that nobody heard is in the next answer, and in all after it."""
    batches.commit(ended("call-1"))
    await kept.heard()
    before = await kept.find(_MAIN)
    with psycopg.connect(laid_out, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE '%report-changes'"
        )
    await kept.lost()
    batches.commit(ended("call-2"))
    during = await kept.find(_MAIN)
    assert before != during == await kept.fresh(_MAIN)
    assert 1 == kept.lookups("bypass")
    await kept.heard()
    assert during == await kept.find(_MAIN) == await kept.find(_MAIN)
    assert 1 == kept.lookups("hit")
    batches.commit(ended("call-3"))
    await kept.heard()
    assert during != await kept.find(_MAIN) == await kept.fresh(_MAIN)


async def test_silent_listener_is_bypassed(kept: KeptReports, batches: Batches) -> None:
    """Without a proof for so long, what is kept is not believed."""
    batches.commit(ended("call-1"))
    await kept.heard()
    assert await kept.find(_MAIN) is not None
    kept.later_s += PROOF_S
    assert await kept.find(_MAIN) is not None
    assert (1, 1) == (kept.lookups("miss"), kept.lookups("bypass"))
    await kept.heard()
    assert await kept.find(_MAIN) is not None
    assert 1 == kept.lookups("hit")


async def test_switch_empties_and_moves_to_the_other_generation(
    laid_out: str, kept: KeptReports, batches: Batches
) -> None:
    """Told or not: a report of the old generation is not kept beyond the next beat."""
    batches.commit(ended("call-1"))
    await kept.heard()
    assert await kept.find(_MAIN) is not None
    engine = engine_of(laid_out)
    with engine.begin() as connection:
        create_generation(connection, 2)
    engine.dispose()
    with psycopg.connect(laid_out) as connection:
        connection.execute("UPDATE callfold.installation SET live_generation = 2")
    await kept.heard()
    standing = kept.reports.standing()
    assert standing is not None
    assert 2 == standing.generation
    assert await kept.find(_MAIN) is None
    with psycopg.connect(laid_out) as connection:
        connection.execute("INSERT INTO gen_2.execution_mentions VALUES ('acme', 'exec-1', 1)")
    first = await kept.find(_MAIN)
    with psycopg.connect(laid_out) as connection:
        connection.execute(
            "INSERT INTO gen_2.contact_tallies VALUES ('acme', 'exec-1', 'failed', 2)"
        )
        announce_everything(connection, 2)
    await kept.heard()
    assert first != await kept.find(_MAIN) == await kept.fresh(_MAIN)


async def test_clock_moves_a_kept_report(kept: KeptReports, batches: Batches) -> None:
    """Durations by the second, pause windows by the minute, without another query."""
    window = {"startAt": {"hour": 9, "minute": 31}, "endAt": {"hour": 9, "minute": 32}}
    windows = {"monday": [window]}
    scheduled = {"programId": "p", "pauseWindows": windows}
    batches.commit(
        changed(type="execution.scheduled", subject="exec-1", data=scheduled),
        changed(type="execution.started", subject="exec-1", time="2026-03-02T09:00:00.25Z"),
    )
    await kept.heard()
    seen = set()
    for seconds in (0, 0.4, 0.7, 30, 29.5, 60, 86_400):
        kept.pass_time(seconds)
        found = await kept.find(_MAIN)
        assert found == await kept.fresh(_MAIN)
        seen.add(b'"effectiveStatus":"paused_window"' in (found or b""))
    assert {True, False} == seen
    assert 1 == kept.lookups("miss")


async def test_cache_stays_within_its_bytes(laid_out: str, batches: Batches) -> None:
    """The least recently used goes first."""
    batches.commit(*(ended(f"call-{n}", executionid=f"exec-{n}") for n in range(40)))
    bytes_max = 100_000
    async with kept_reports(laid_out, bytes_max) as kept:
        for number in range(40):
            await kept.find(ReportKey("acme", f"exec-{number}", "report"))
            await kept.find(ReportKey("acme", "exec-0", "report"))
            assert 0 < kept.size_bytes <= bytes_max
        assert 39 == kept.lookups("hit") - 1
        await kept.find(ReportKey("acme", "exec-1", "report"))
        assert 41 == kept.lookups("miss")


async def test_random_batches_between_reads_never_show_an_old_report(
    kept: KeptReports, batches: Batches
) -> None:
    """Whatever is committed, each answer equals what the database says at that instant."""
    chance = random.Random(20_261_122)
    keys = [
        ReportKey(organization_id, execution_id, route)
        for organization_id in ("acme", "other")
        for execution_id in ("exec-1", "exec-2")
        for route in ROUTES
    ]
    for _ in range(25):
        batches.commit(*(_any_event(chance) for _ in range(chance.randint(1, 4))))
        kept.pass_time(chance.choice((0, 0.3, 61)))
        if chance.random() < 0.3:
            # Readings that the next commit may overtake.
            await asyncio.gather(*(kept.find(key) for key in chance.sample(keys, 5)))
            batches.commit(_any_event(chance))
        await kept.heard()
        for key in chance.sample(keys, 12):
            assert await kept.fresh(key) == await kept.find(key), key
    parked = batches.owner.connection.execute("SELECT detail FROM callfold.parked_events")
    assert [] == parked.fetchall()
    assert kept.lookups("hit") > 20
    assert kept.lookups("miss") > 20
    assert 0 == kept.lookups("bypass")


def _any_event(chance: random.Random) -> dict[str, Any]:
    """An event of any kind that reports show, of one of few subjects."""
    execution_id = chance.choice(("exec-1", "exec-2"))
    call, contact = f"call-{chance.randint(1, 9)}", f"contact-{chance.randint(1, 5)}"
    node = chance.choice(("menu", "end"))
    flow = {"name": f"Menu {chance.randint(1, 9)}", "version": 1, "edges": []}
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        (
            "call.initiated",
            call,
            {"contactId": contact, "from": str(chance.randint(1, 9)), "to": "1"},
        ),
        ("call.ended", call, {"outcome": chance.choice(("busy", "completed", "voicemail"))}),
        ("call.charged", call, {"amount": str(chance.randint(-3, 9)), "nodeId": node}),
        ("node.entered", call, {"stepId": node, "nodeId": node, "nodeType": "dtmf"}),
        ("dtmf.received", call, {"stepId": node, "nodeId": node, "digits": "12"}),
        ("contact.enrolled", contact, {}),
        ("contact.completed", contact, {}),
        ("execution.scheduled", execution_id, {"programId": "p", "flowId": "menu"}),
        ("execution.started", execution_id, {}),
        ("execution.completed", execution_id, {}),
        ("flow.published", "menu", {**flow, "nodes": [{"id": node, "type": "dtmf"}]}),
    )
    event_type, subject, data = chance.choice(kinds)
    event = changed(
        type=event_type,
        subject=subject,
        time=f"2026-03-02T09:{chance.randint(0, 59):02}:00Z",
        organizationid=chance.choice(("acme", "other")),
        executionid=execution_id,
        data=data,
    )
    if event_type == "flow.published":
        del event["executionid"]
    return event
