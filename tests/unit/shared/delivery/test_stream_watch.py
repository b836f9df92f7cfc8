"""What a stream's own words mean for a lane: nothing, entries removed, or another stream."""

import pytest

from shared.contracts.incident_kinds import IncidentKind
from shared.delivery.stream_watch import StreamFacts, judge
from shared.limits import ENTRY_MS_MAX

_CURSOR = (1000, 5)
_TRIMMED, _RECREATED = IncidentKind.TRIMMED, IncidentKind.RECREATED
#: 100 entries were added, 60 of them read; the oldest 20 were trimmed by ourselves.
_WELL = StreamFacts(
    exists=True,
    length=80,
    added=100,
    first=(500, 0),
    last_generated=(2000, 0),
    after_cursor=40,
    own=True,
)
#: The cursor's own entry is gone as well.
_BEHIND_GONE = _WELL._replace(own=False)
_GONE = StreamFacts(
    exists=False, length=0, added=0, first=None, last_generated=(0, 0), after_cursor=0
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    (
        (_WELL, []),
        # Removed behind the cursor, but not its own entry: nobody can tell, and nothing is lost.
        (_WELL._replace(length=41, first=_CURSOR), []),
        (_BEHIND_GONE._replace(length=40, first=(1000, 6)), [(_TRIMMED, 0, 0)]),
        (_BEHIND_GONE._replace(length=30, first=(1200, 0), after_cursor=30), [(_TRIMMED, 10, 10)]),
        (_BEHIND_GONE._replace(length=0, first=None, after_cursor=0), [(_TRIMMED, 40, 40)]),
        # Older entries are there, so that only its own was deleted, or the stream is another one.
        (_BEHIND_GONE, [(_TRIMMED, 0, 0)]),
        # Removed from among those that nobody has read, while the cursor's own is still there.
        (_WELL._replace(length=75, after_cursor=35), [(_TRIMMED, 5, 5)]),
        # Too many lie behind the cursor to be counted at this look.
        (_WELL._replace(after_cursor=None), []),
        (_WELL._replace(length=7, added=50, first=(1800, 0), after_cursor=7),
         [(_RECREATED, None, -17)]),
        (_WELL._replace(length=5, added=5, last_generated=(900, 0), after_cursor=0),
         [(_RECREATED, None, -55)]),
        (_GONE, [(_RECREATED, None, -60)]),
        (_WELL._replace(last_generated=(ENTRY_MS_MAX, 0)), []),
        (_WELL._replace(last_generated=(ENTRY_MS_MAX + 1, 0)),
         [(IncidentKind.ID_OUT_OF_RANGE, None, 0)]),
        (_GONE._replace(foreign="string"), [(IncidentKind.WRONG_TYPE, None, 0)]),
    ),
)  # fmt: skip
def test_lane_amid_its_stream_is_judged(
    facts: StreamFacts, expected: list[tuple[IncidentKind, int | None, int]]
) -> None:
    """By where the cursor stands and by both counts."""
    found = judge(3, _CURSOR, 60, facts)

    assert expected == [(f.kind, f.entries_lost, f.uncounted) for f in found]


def test_lane_that_never_read_misses_what_was_removed_before() -> None:
    """A stream that is not there, or whole, is well; one that lost entries is not."""
    whole = _WELL._replace(length=100, after_cursor=100)

    assert [] == judge(3, (0, 0), 0, _GONE)
    assert [] == judge(3, (0, 0), 0, whole)
    (found,) = judge(3, (0, 0), 0, _WELL._replace(after_cursor=80))
    assert (_TRIMMED, 20) == (found.kind, found.entries_lost)
