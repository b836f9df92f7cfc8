"""What the cache of reports keeps of a reading, and whom a change concerns."""

import asyncio

import pytest

from services.read_api.reading.answers import Report, still
from services.read_api.reading.report_cache import ReportCache, ReportKey, is_touched
from shared.storage.report_changes import Touched

_KEY = ReportKey("acme", "spring", "report")


@pytest.mark.parametrize(
    ("touched", "expected"),
    (
        ({"acme": {"spring"}}, True),
        ({"acme": None}, True),
        ({"acme": {"summer"}}, False),
        ({"bolt": {"spring"}}, False),
        ({"bolt": None}, False),
    ),
)
def test_change_concerns_its_executions_or_a_whole_organization(
    touched: Touched, expected: bool
) -> None:
    """A flow is in the reports of every execution of its organization."""
    assert expected == is_touched(_KEY, touched)


@pytest.mark.parametrize(("generation", "is_kept"), ((1, True), (2, False)))
async def test_report_of_another_generation_is_not_kept(generation: int, is_kept: bool) -> None:
    """The reading was overtaken by a switch, of which no change of this generation tells."""
    cache = ReportCache(10_000)

    async def reading() -> Report:
        return still(generation, [])

    assert await cache.read(_KEY, 1, reading) is not None
    assert is_kept == (cache.get(_KEY) is not None)


async def test_reading_that_a_change_overtakes_is_not_kept() -> None:
    """It may have been read before the change; who asked for it gets it all the same."""
    cache = ReportCache(10_000)
    changed = asyncio.Event()

    async def reading() -> Report:
        await changed.wait()
        return still(1, [])

    asked = asyncio.create_task(cache.read(_KEY, 1, reading))
    await asyncio.sleep(0)
    assert cache.is_read(_KEY)
    cache.forget({"acme": {"spring"}})
    changed.set()
    assert await asked is not None
    assert cache.get(_KEY) is None
