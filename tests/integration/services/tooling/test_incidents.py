"""`callfold incidents` against a real PostgreSQL."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.incident_kinds import IncidentKind
from shared.storage.audit import latest_audit
from shared.storage.incidents import LaneCount, declare, open_incidents
from shared.storage.schema import migrate
from shared.storage.sequences import look_for_gaps
from tests.integration.shared.storage.lane_owner import (
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)

_AT = LaneCount((1_773_000_000_000, 2), 0, 0)
_DIFFERENT = 3


@pytest.fixture
def owner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaneOwner]:
    """The owner of all lanes of the database that the commands look at."""
    migrate(database_url, PARTITIONS)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    with lane_owner(database_url, "tests") as connected:
        connected.take()
        yield connected


def incidents(*arguments: str) -> Result:
    """Run `callfold incidents`."""
    return CliRunner().invoke(app, ["incidents", *arguments])


def found(*arguments: str) -> list[dict[str, Any]]:
    """What is listed; the exit code says whether any of it is open."""
    result = incidents("--json", *arguments)
    listed: list[dict[str, Any]] = json.loads(result.stdout)
    is_open = any(incident["standing"] == "open" for incident in listed)
    assert (_DIFFERENT if is_open else 0) == result.exit_code, result.output
    return listed


def acknowledged(*arguments: str) -> list[str]:
    """The ids of what was acknowledged now."""
    result = incidents("acknowledge", *arguments, "--note", "known", "--as", "me", "--json")
    assert 0 == result.exit_code, result.output
    ids: list[str] = json.loads(result.stdout)["acknowledged"]
    return ids


def lose(owner: LaneOwner, lane: int, lost: int | None, kind: IncidentKind, **detail: str) -> None:
    """Declare that so much was lost of a lane, at the place where it always is here."""
    at = _AT._replace(entries_unread=_unread(owner, lane))
    epoch = owner.epochs[lane]
    assert declare(owner.connection, lane, epoch, at, kind, lost, lost or 0, {**detail})


def _unread(owner: LaneOwner, lane: int) -> int:
    row = owner.connection.execute(
        "SELECT entries_unread FROM callfold.lanes WHERE lane = %s", (lane,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def publish(owner: LaneOwner, *numbers: int, organization_id: str = "acme") -> None:
    """Archive events with these numbers of their source's own counter, and look for gaps."""
    cursor = owner.lanes.cursors([0], 1)[0].position
    begin = max(cursor[0] - 1_773_000_000_000, 0) + 1
    entries = [
        call_entry(begin + n, 0, sequence=number, organizationid=organization_id)
        for n, number in enumerate(numbers)
    ]
    owner.archive(0, entries)
    look_for_gaps(owner.connection, 0)


def test_incidents_say_what_was_lost_and_what_to_do(owner: LaneOwner) -> None:
    """As lines for people and as JSON for scripts, the latest first; silence is told as such."""
    assert "no incident" in incidents().stdout
    assert [] == found()

    lose(owner, 0, 1234, IncidentKind.TRIMMED, what="entries were removed")
    lose(owner, -1, None, IncidentKind.RECREATED, what="the stream is older", todo="XSETID")

    lines = incidents().stdout.splitlines()
    assert "recreated callfold:inbox at 1773000000000-2: the stream is older" in lines[0]
    assert lines[0].endswith("entries lost: unknown")
    assert "  to do: XSETID" == lines[2]
    assert "trimmed callfold:{0}:events" in lines[3]
    assert lines[3].endswith("entries lost: 1,234")
    assert "XTRIM" in lines[5]
    recreated, trimmed = found()
    assert ("recreated", None, 1, "XSETID") == tuple(
        recreated[key] for key in ("kind", "entriesLost", "times", "toDo")
    )
    assert ("trimmed", 1234, "1773000000000-2") == tuple(
        trimmed[key] for key in ("kind", "entriesLost", "cursor")
    )


def test_what_is_acknowledged_is_open_again_when_it_happens_again(owner: LaneOwner) -> None:
    """By id, by its beginning, by lane or kind; twice changes nothing; the audit tells who."""
    lose(owner, 0, 5, IncidentKind.TRIMMED, what="removed")
    lose(owner, 1, 5, IncidentKind.TRIMMED, what="removed")
    lose(owner, 1, None, IncidentKind.RECREATED, what="older")
    ids = {(incident["lane"], incident["kind"]): incident["id"] for incident in found()}

    assert 2 == incidents("acknowledge", "nonsense", "--note", "x").exit_code
    assert 2 == incidents("acknowledge", "--note", "x").exit_code
    assert [ids[0, "trimmed"]] == acknowledged("--dry-run", ids[0, "trimmed"][:6])
    assert [ids[0, "trimmed"]] == acknowledged(ids[0, "trimmed"][:6])
    assert [] == acknowledged(ids[0, "trimmed"])
    assert [ids[1, "trimmed"]] == acknowledged("--lane", "1", "--kind", "trimmed")
    assert [ids[1, "recreated"]] == [incident["id"] for incident in found()]

    lose(owner, 1, 7, IncidentKind.TRIMMED, what="removed")
    assert {ids[1, "recreated"], ids[1, "trimmed"]} == {incident["id"] for incident in found()}
    assert {ids[1, "recreated"], ids[1, "trimmed"]} == set(acknowledged("--lane", "1"))
    lose(owner, 1, None, IncidentKind.RECREATED, what="older")
    assert [ids[1, "recreated"]] == [incident["id"] for incident in found()]

    assert ["open", "acknowledged"] == sorted(
        {incident["standing"] for incident in found("--all")}, reverse=True
    )
    assert "by me: known" in incidents("--all").stdout
    (latest, *_) = latest_audit(owner.connection, 1)
    assert ("me", "incidents acknowledge", "done") == (latest.who, latest.command, latest.outcome)


def test_gaps_are_listed_with_their_first_numbers(owner: LaneOwner) -> None:
    """Late ones are none yet; what is acknowledged stays so, what is missing later does not."""
    publish(owner, 1, 3, 5, 6, 20)
    (late,) = found()
    assert ("late", 15) == (late["standing"], late["late"])
    publish(owner, 21)
    (gap,) = found("--organization", "acme")
    assert [] == found("--organization", "bolt")
    assert "/dialer/eu-1: 15 of its numbers did not arrive: 2, 4, 7-19" in gap["what"]
    assert [{"first": 2, "last": 2}, {"first": 4, "last": 4}] == gap["ranges"][:2]
    assert gap["firstSeenAt"] is not None

    publish(owner, 2)
    assert 14 == found()[0]["missing"]
    assert [gap["id"]] == acknowledged("--kind", "sequence_gap", "--organization", "acme")
    assert [] == found()
    publish(owner, 30, 31)
    publish(owner, 32)
    (again,) = found()
    assert (gap["id"], 8, 14) == (again["id"], again["missing"], again["acknowledged"])
    publish(owner, 4, *range(7, 20), *range(22, 30))
    assert [] == found("--all")


def test_lost_entries_are_complete_once_no_number_is_missing(owner: LaneOwner) -> None:
    """Who sent again what a stream lost sees it there; while a number is missing it is not said."""
    lose(owner, 0, 2, IncidentKind.TRIMMED, what="removed")
    assert not found()[0]["complete"], "nobody counts"
    publish(owner, 1, 4)
    publish(owner, 5)
    trimmed = next(incident for incident in found() if incident["kind"] == "trimmed")
    assert not trimmed["complete"]

    publish(owner, 2, 3)
    (trimmed,) = found()
    assert trimmed["complete"]
    assert "no source that counts misses a number" in trimmed["toDo"]


def test_conflicts_are_listed_by_who_published_them(owner: LaneOwner) -> None:
    """With samples, and the command that shows both contents; a further one opens them again."""
    first = call_entry(1, 0, data={"outcome": "busy"})
    another = [call_entry(1, 0, data={"outcome": outcome}) for outcome in ("failed", "no_answer")]
    owner.archive(0, [first, another[0]._replace(ms=first.ms + 1)])
    (conflict,) = found()
    assert {"conflict": 1} == open_incidents(owner.connection)
    assert ("conflict", "acme", 1) == tuple(
        conflict[key] for key in ("kind", "organizationId", "conflicts")
    )
    assert "callfold replay call call-" in conflict["toDo"]
    assert f"0/{first.ms}-{first.seq}" == conflict["samples"][0]["firstEntry"]

    assert [conflict["id"]] == acknowledged(conflict["id"])
    assert [] == found()
    owner.archive(0, [another[1]._replace(ms=first.ms + 2)])
    (again,) = found("--kind", "conflict")
    assert (conflict["id"], 2) == (again["id"], again["conflicts"])


def test_lane_that_is_none_is_not_resumed(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything looked for in Redis then, or noted in the audit."""
    monkeypatch.setenv("CALLFOLD_REDIS_URL", "redis://127.0.0.1:1/0")
    for lane in (str(PARTITIONS), "everything", ""):
        assert 2 == incidents("resume", lane).exit_code
    assert 1 == incidents("resume", "inbox").exit_code
    assert [] == latest_audit(owner.connection, 1)
