"""What must hold of the whole installation: at checkpoints under traffic, and at the end of all."""

from collections.abc import Iterator

from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.incidents import all_incidents
from shared.storage.sequences import sequence_gaps
from tests.faults.soak.chapters import BAD_EACH, CONFLICTS_EACH
from tests.faults.soak.sampling import Sampler
from tests.installation import live

#: performance.md, `memory`.
PROJECTOR_MB_MAX = 400
#: Growth is judged of runs that are long enough for caches to be full in their first third.
_JUDGED_FROM_S = 1_200
#: By how much the last quarter of a run may lie above its second one: a share, and so much.
_GROWTH, _GROWTH_MB = 0.15, 15
_FEW = 8


def sums_complaints(database_url: str) -> Iterator[str]:
    """O3: every tally is the sum of its contributions."""
    with connect(database_url, "soak verdict") as connection:
        for tally in contributions_that_differ(connection, live(connection)):
            yield f"{tally} is not the sum of its contributions"


def count_complaints(database_url: str, chapters: int) -> Iterator[str]:
    """O6, when all is folded: parked, in conflict and missing is what was made so, no more."""
    made = {
        "SELECT count(*) FROM callfold.parked_events": BAD_EACH * chapters,
        "SELECT count(DISTINCT (organization_id, source, event_id))"
        " FROM callfold.conflicting_events": CONFLICTS_EACH * chapters,
    }
    with connect(database_url, "soak verdict") as connection:
        for question, wanted in made.items():
            row = connection.execute(question.encode()).fetchone()
            if row != (wanted,):
                yield f"{question}: {row}, but {wanted} were made"
        for incident in all_incidents(connection):
            yield f"incident that nobody made: {incident}"
        for gap in sequence_gaps(connection):
            yield f"numbers missing of {gap.source}: {gap.ranges}"


def flatness_complaints(sampler: Sampler) -> Iterator[str]:
    """Nothing grows with time but the database; no lease went back or had two owners (O4)."""
    yield from sampler.wrong
    if sampler.largest_mb > PROJECTOR_MB_MAX:
        yield f"a projector held {sampler.largest_mb:.0f} MB"
    for name, series in sampler.series.items():
        if name == "database MB" or series.seconds[-1] < _JUDGED_FROM_S:
            continue
        before, after = series.mean(0.25, 0.5), series.mean(0.75, 1.0)
        room = _GROWTH * before + (_GROWTH_MB if name.endswith("MB") else _FEW)
        if after > before + room:
            yield f"{name} grew from {before:.1f} to {after:.1f}"
