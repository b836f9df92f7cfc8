"""Which part of the log and which events a filter means."""

import re
from datetime import UTC, datetime

import pytest
import typer

from services.tooling.log_commands.event_filter import EventFilter, position, selection
from tests.contract.wire import changed, json_bytes

_NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_NOW_MS = 1_772_452_800_000


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("5-7", (5, 7)),
        ("5", (5, 0)),
        ("5-18446744073709551615", (5, 2**64 - 1)),
        ("2026-03-02T12:00:00Z", (_NOW_MS, 0)),
        ("2026-03-02T13:00:00.0001+01:00", (_NOW_MS + 1, 0)),
    ),
)
def test_position_is_an_entry_id_or_the_first_one_from_a_time_on(
    text: str, expected: tuple[int, int]
) -> None:
    """Ids have whole milliseconds: a fraction of one belongs to the next."""
    assert expected == position(text)


@pytest.mark.parametrize("text", ("", "x", "5-x", "-5", "2026-03-02", f"{2**63}-0", f"1-{2**64}"))
def test_position_that_is_none_is_refused(text: str) -> None:
    """No guessing: what is neither an id nor an instant with an offset is a wrong option."""
    with pytest.raises(ValueError, match=r"\w"):
        position(text)


def test_times_bound_the_selection() -> None:
    """From --since on, that millisecond included; --until itself no more."""
    chosen = selection([1, 2], EventFilter(), "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z", _NOW)
    assert (_NOW_MS - 3_600_000 - 1, 2**64 - 1) == chosen.after
    assert _NOW_MS - 1 == chosen.until_ms


@pytest.mark.parametrize(
    ("ago", "seconds"), (("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800))
)
def test_time_may_be_said_as_so_long_ago(ago: str, seconds: int) -> None:
    """As operators say it."""
    chosen = selection([0], EventFilter(), ago, None, _NOW)
    assert _NOW_MS - seconds * 1000 - 1 == chosen.after[0]


@pytest.mark.parametrize("since", ("soon", "5", "999999999d", "2026-03-02T11:00:00"))
def test_time_that_is_none_is_refused(since: str) -> None:
    """Naming the option."""
    with pytest.raises(typer.BadParameter):
        selection([0], EventFilter(), since, None, _NOW)


def test_every_part_of_a_filter_must_hold() -> None:
    """What is no JSON belongs to nobody, though its bytes can be searched."""
    event = json_bytes(changed())
    assert EventFilter().matches(event)
    assert EventFilter(organization_id="acme", subject="call-1").matches(event)
    assert not EventFilter(organization_id="acme", subject="call-2").matches(event)
    assert not EventFilter(execution_id="exec-1", event_type="call.ringing").matches(event)
    assert not EventFilter(pattern=re.compile(b"x{9}"), subject="call-1").matches(event)
    assert EventFilter(pattern=re.compile(b"\xff")).matches(b"\xff\xfe")
    for garbage in (b"\xff", b"[1]", b"", b'{"organizationid":["acme"]}'):
        assert not EventFilter(organization_id="acme").matches(garbage)
