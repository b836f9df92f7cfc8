"""`callfold replay` against a real log and real states."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import partition_of
from shared.storage import merging
from shared.storage.merging import SegmentMerger
from shared.storage.schema import migrate
from tests.command_line import run_callfold
from tests.contract.wire import binary, changed, recorded_events, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
    subject_in,
)

_CALL = subject_in(0)


@pytest.fixture
def owner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaneOwner]:
    """The owner of all lanes of an installation that the command line is told of."""
    migrate(database_url, PARTITIONS)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    with lane_owner(database_url, "one") as one:
        one.take()
        yield one


def _replay(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["replay", *arguments, "--organization", "acme"])
    assert exit_code == result.exit_code, result.output
    return result


def _json(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_replay(*arguments, "--json", exit_code=exit_code).stdout)
    return answer


def _entry(number: int, event_type: str, event_id: str, **data: object) -> Entry:
    if event_type == "call.initiated":
        data = {"from": "+1", "to": "+2", **data}
    event = changed(
        id=event_id, type=event_type, subject=_CALL, data=data,
        time=f"2026-03-02T09:00:{number % 60:02}Z",
    )  # fmt: skip
    return Entry(NOW_MS + number, 0, structured(event))


def _noise(number: int, calls: int = 20) -> list[Entry]:
    """Other calls of the same partition: a batch of their own."""
    return [call_entry(number + n, 0, word=f"other-{number + n}") for n in range(calls)]


def test_each_event_comes_with_what_it_changed(owner: LaneOwner) -> None:
    """In the order of the log; the state of the last one is the state that the database holds."""
    owner.archive(
        0,
        [_entry(1, "call.initiated", "a", attempt=2)],
        [_entry(2, "call.answered", "b"), _entry(3, "call.ended", "c", outcome="answered")],
        [_entry(4, "call.charged", "d", amount="1.25", nodeType="Call", component="telephony")],
    )

    answer = _json("call", _CALL)

    assert ["a", "b", "c", "d"] == [step["event"]["id"] for step in answer["events"]]
    assert ["folded"] * 4 == [step["fate"] for step in answer["events"]]
    first, _, third, last = answer["events"]
    assert "ended" not in first["state"]
    assert "2026-03-02T09:00:02Z" == third["state"]["answeredAt"]
    assert {
        "at": "2026-03-02T09:00:03Z",
        "type": "call.ended",
        "source": "/dialer/eu-1",
        "id": "c",
        "said": {"outcome": "answered"},
    } == third["state"]["ended"]
    (charge,) = last["state"]["charges"]
    assert ("Call", "telephony", "1.25", 1) == tuple(
        charge[key] for key in ("nodeType", "component", "cost", "charges")
    )
    (cost,) = last["contribution"]["costs"]
    assert ("Call", 1, "1.25") == tuple(cost[key] for key in ("nodeType", "charges", "cost"))
    assert 2 == last["contribution"]["attempt"]["attempt"]
    assert ([], 3) == (answer["differences"], answer["segmentsRead"])


def test_text_shows_only_what_an_event_changed(owner: LaneOwner) -> None:
    """What stays as it was is not said again; --no-state leaves the events."""
    owner.archive(0, [_entry(1, "call.initiated", "a"), _entry(2, "call.answered", "b")])

    lines = _replay("call", _CALL).stdout.splitlines()

    assert f"call {_CALL} of acme, partition 0" == lines[0]
    assert any(line.startswith("1. 2026-03-02T09:00:01Z call.initiated") for line in lines)
    second = lines[next(n for n, line in enumerate(lines) if line.startswith("2. ")) :]
    assert '   state  answeredAt = "2026-03-02T09:00:02Z"' in second
    assert not any("isCall" in line for line in second)
    assert not any(line.startswith("   adds   mentions") for line in second)
    assert any(line.startswith('   adds   mentions = ["exec-1"]') for line in lines)
    assert [
        "entries: 2; segments of the log that were read: 1",
        "equal to what the database holds",
    ] == lines[-2:]
    assert "state " not in _replay("call", _CALL, "--no-state").stdout
    assert "state" not in _json("call", _CALL, "--no-state")["events"][0]


def test_duplicates_and_conflicts_are_marked(owner: LaneOwner) -> None:
    """A conflict wherever it lies; what is parked by a verdict of ours and what waits as well."""
    same = _entry(1, "call.initiated", "a")
    owner.archive(0, [same, Entry(NOW_MS + 2, 0, same.fields)], _noise(100))
    owner.archive(0, [_entry(200, "call.initiated", "a", attempt=7)])
    owner.archive(0, [Entry(NOW_MS + 300, 0, binary(changed(id="b", subject=_CALL)))])

    steps = _json("attempt", _CALL)["events"]

    assert [("a", "folded"), ("a", "duplicate"), ("a", "conflict"), ("b", "folded")] == [
        (step["event"]["id"], step["fate"]) for step in steps
    ]
    assert ["structured"] * 3 + ["binary"] == [step["mode"] for step in steps]
    assert ["state" in step for step in steps] == [True, False, False, True]
    assert "[CONFLICT]" in _replay("call", _CALL).stdout


def test_what_is_left_out_or_waits_is_marked(owner: LaneOwner) -> None:
    """Both are in the log beside the subject's events, and are no part of its state."""
    entries = [_entry(1, "call.initiated", "a"), _entry(2, "call.ringing", "b")]
    condemned = {(0, entries[1].ms, 0): (ParkReason.FOLD_FAILED, "a bug")}
    owner.folding.take(0, (0, 0), entries, condemned)
    owner.commit(owner.folding.harvest())
    owner.lanes.open_breaker([0], "a bug")
    owner.folding.archive(0, (entries[1].ms, 0), [_entry(3, "call.ended", "c"), *_noise(10)])
    owner.commit(owner.folding.harvest())
    owner.connection.execute("UPDATE callfold.leases SET archive_only = NULL")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "EVENTS_AIM", 4)
        patch.setattr(merging, "EVENTS_SMALL", 22)
        assert SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    fates = [(step["event"]["id"], step["fate"]) for step in _json("call", _CALL)["events"]]

    assert [("a", "folded"), ("b", "left out"), ("c", "not folded yet")] == fates


@pytest.mark.parametrize("segments", (3, 60))
def test_only_segments_of_the_subject_are_read(owner: LaneOwner, segments: int) -> None:
    """However long the log is: the number of segments read is that of its own."""
    owner.archive(
        0, [_entry(1, "call.initiated", "a")], *(_noise(100 * n) for n in range(1, segments))
    )
    owner.archive(0, [_entry(90_000, "call.ended", "b"), *_noise(95_000)])
    assert [(segments + 1,)] == owner.connection.execute(
        "SELECT count(*) FROM callfold.log_segments"
    ).fetchall()

    answer = _json("call", _CALL)

    assert (2, 2, []) == (len(answer["events"]), answer["segmentsRead"], answer["differences"])


def test_every_kind_of_subject_is_replayed(owner: LaneOwner) -> None:
    """One event of each type in the contract: all states can be read, and all are equal."""
    by_lane: dict[int, list[Entry]] = {}
    subjects: set[tuple[str, str, str]] = set()
    kinds = {"contact": "contact", "execution": "execution", "flow": "flow"}
    for number, (name, raw) in enumerate(recorded_events()):
        event = json.loads(raw)
        kind = kinds.get(name.split(".")[0], "attribute" if "attribute" in name else "call")
        subjects.add((kind, event["organizationid"], event["subject"]))
        lane = partition_of(event["subject"], PARTITIONS)
        by_lane.setdefault(lane, []).append(Entry(NOW_MS + number, 0, structured(raw)))
    for lane, entries in by_lane.items():
        owner.archive(lane, entries)
    assert {"contact", "execution", "flow", "attribute", "call"} == {
        kind for kind, _, _ in subjects
    }

    for kind, organization, subject in subjects:
        for arguments in (("--json",), ()):
            words = ["replay", kind, subject, "--organization", organization, *arguments]
            result = CliRunner().invoke(app, words)
            assert 0 == result.exit_code, (words, result.output)


def test_state_that_is_not_what_its_events_say_is_found(owner: LaneOwner) -> None:
    """Exit code 3: somebody changed the database, or the log lost a segment."""
    owner.archive(0, [_entry(1, "call.initiated", "a")], [_entry(2, "call.ended", "b")])
    owner.connection.execute("UPDATE gen_1.attempts SET contribution = '{}'")
    assert "DIFFERENT: the contribution" in _replay("call", _CALL, exit_code=3).stdout
    owner.connection.execute("DELETE FROM callfold.log_segments WHERE first_ms = %s", (NOW_MS + 2,))

    differences = _json("call", _CALL, exit_code=3)["differences"]

    assert f"the log lacks 1 of 2 events of the journal: {NOW_MS + 2}-0" == differences[0]
    assert "the state in the database" in differences[1]


def test_unknown_subject_says_what_to_check(owner: LaneOwner) -> None:
    """The usual mistakes: another kind, a parked event, a name that nobody has."""
    owner.archive(0, [_entry(1, "call.initiated", "a")])
    owner.archive(0, [Entry(NOW_MS + 5, 0, structured(changed(type="no.type", subject="lost")))])

    def errors(kind: str, subject: str) -> str:
        done = run_callfold(
            "replay", kind, subject, "--organization", "acme", database_url=owner.database_url
        )
        assert 1 == done.returncode
        assert "" == done.stdout
        return done.stderr

    as_contact = errors("contact", _CALL)
    assert f"callfold: no contact '{_CALL}' is known of organization 'acme'" in as_contact
    assert "it is known as attempt: give that kind" in as_contact
    assert "1 parked events name it" in errors("call", "lost")
    assert "callfold lag" in errors("call", "nobody")
