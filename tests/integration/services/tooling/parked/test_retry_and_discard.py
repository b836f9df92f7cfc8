"""What operators do about parked events, with a real projector, Redis and read API."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import redis

from shared.contracts.entries import whole_form
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import partition_of
from shared.delivery.publisher import Publisher
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT
from shared.projections.write_set import Parked
from shared.storage.connection import connect
from shared.storage.parking import DEFAULT_QUOTA, Parking
from tests.contract.wire import binary, changed, json_bytes, structured
from tests.installation import Installation
from tests.integration.services.projector.lanes_at_hand import (
    add,
    column,
    one_projector,
    rows,
    stream_of,
)
from tests.integration.services.tooling.parked.parked_events import callfold, listed
from tests.integration.shared.storage.lane_owner import NOW_MS
from tests.servers import ServersForTests

ORGANIZATION = "acme"
EXECUTION = "exec-1"


@pytest.fixture(scope="module")
def running(servers: ServersForTests) -> Iterator[Installation]:
    """One projector and one read API for all tests here; each uses subjects of its own."""
    with one_projector(servers) as started:
        started.start_read_api()
        yield started


@pytest.fixture(scope="module")
def client(running: Installation) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(running.redis_url) as connected:
        yield connected


@pytest.fixture(autouse=True)
def _environment(running: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation that commands run against; nothing is parked when a test begins."""
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", running.database_url)
    monkeypatch.setenv("CALLFOLD_REDIS_URL", running.redis_url)
    with connect(running.database_url, "test") as connection:
        connection.execute("DELETE FROM callfold.parked_events")
        connection.execute("DELETE FROM callfold.audit")


def charge(subject: str, amount: object = 1, **changes: object) -> dict[str, Any]:
    """An event that charges a call of an execution named like the call."""
    said = {"id": f"charge-{subject}", "subject": subject, "executionid": subject, **changes}
    return changed(type="call.charged", data={"amount": amount}, **said)


def park_as(
    running: Installation, fields: list[bytes], reason: ParkReason = ParkReason.UNKNOWN_TYPE
) -> str:
    """Park an entry as an older release did, that did not know what this one knows; its id."""
    mode, whole = whole_form(fields)
    kept = whole[:EVENT_BYTES_MAX]
    digest = sha256(whole).digest()
    event = Parked(3, NOW_MS, 0, reason, "", mode, kept, len(whole), digest)
    with connect(running.database_url, "test") as connection, connection.transaction():
        Parking(connection, DEFAULT_QUOTA).park([event])
    return f"3-{digest.hex()[:16]}"


def credits_of(running: Installation, execution_id: str) -> object:
    """What the report says was used."""
    running.wait_until_folded()
    key = running.key(ORGANIZATION)
    _, report = running.get(key, execution_id, "report/billing")
    return report["summary"]["totalCreditsUsed"]


def entries_of(client: redis.Redis, subject: str) -> list[Any]:
    """The fields of every entry in the stream of a subject."""
    found: Any = client.xrange(stream_of(subject))
    return [fields for _, fields in found]


def answer(*arguments: str, code: int = 0) -> dict[str, Any]:
    """What a command prints as JSON."""
    found: dict[str, Any] = json.loads(callfold("parked", *arguments, "--json", code=code).stdout)
    return found


def test_event_that_a_new_release_knows_counts_once_however_often_it_is_retried(
    running: Installation,
) -> None:
    """The same id and source: the journal drops what is sent again."""
    id_ = park_as(running, structured(charge("retried", "0.25")))

    first = answer("retry", "--reason", "unknown_type", "--as", "Zoë")
    second = answer("retry", id_)

    assert [{"id": id_, "outcome": "sent", "eventId": "charge-retried"}] == first["events"]
    assert (1, 0, 1, 0) == (first["sent"], first["refused"], second["sent"], second["refused"])
    assert "0.25" == str(credits_of(running, "retried"))
    assert [] == listed()
    (event,) = listed("--all")
    assert ("retried", "charge-retried") == (event["standing"], event["retriedAs"])
    assert "retried by" in callfold("parked", "show", id_).stdout
    assert {"dryRun": False, "sent": 0, "refused": 0, "events": []} == answer("retry", "--all")


def test_retry_under_live_load_counts_once_and_what_fails_again_is_open_again(
    running: Installation,
) -> None:
    """Twice, while other events of the same calls come; the lane goes on (F21)."""
    calls = [f"loaded-{number}" for number in range(40)]
    ids = [park_as(running, structured(charge(c, "0.5", executionid="loaded"))) for c in calls]
    poison = changed(
        type="call.initiated", id="poison", subject="loaded-poison", executionid="loaded",
        data={"from": "poison", "to": "2"},
    )  # fmt: skip
    bad = park_as(running, structured(poison))
    refuse = "ALTER TABLE gen_1.attempts ADD CONSTRAINT t CHECK (from_number <> 'poison')"
    done = Event()
    live: list[str] = []

    def traffic() -> None:
        with Publisher(running.redis_url) as publisher:
            while not done.wait(0.005):
                live.append(f"live-{len(live)}")
                call = calls[len(live) % len(calls)]
                publisher.publish(charge(call, 1, id=live[-1], executionid="loaded"))
                publisher.flush()

    with connect(running.database_url, "test") as connection:
        connection.execute(refuse.encode())
        publishing = Thread(target=traffic)
        publishing.start()
        try:
            first = answer("retry", "--reason", "unknown_type")
            second = answer("retry", *ids)
        finally:
            done.set()
            publishing.join()
        running.wait_until_folded()
        connection.execute("ALTER TABLE gen_1.attempts DROP CONSTRAINT t")

    assert (41, 40) == (first["sent"], second["sent"])
    assert len(live) + 20 == credits_of(running, "loaded")
    assert [("database_refused", "loaded-poison")] == [
        (e["reason"], e["subject"]) for e in listed()
    ]
    assert bad in {event["id"] for event in listed("--all")}


def test_event_goes_out_as_it_came(running: Installation, client: redis.Redis) -> None:
    """In the content mode and with the fields of the original, to the partition of its subject."""
    fields = [*binary(charge("as-it-came")), b"note", b"kept"]
    id_ = park_as(running, fields)

    answer("retry", id_)

    sent = entries_of(client, "as-it-came")[-1]
    assert dict(zip(fields[::2], fields[1::2], strict=True)) == sent
    assert "1" == str(credits_of(running, "as-it-came"))


def test_what_would_be_parked_again_is_refused_before_it_is_sent(
    running: Installation, client: redis.Redis
) -> None:
    """With the reason; the good ones beside it are sent."""
    bad = changed(type="call.exploded", subject="still-bad", id="still-bad")
    add(client, stream_of("still-bad"), [structured(bad)])
    running.wait_until_folded()
    good = park_as(running, structured(charge("good-beside")))
    before = entries_of(client, "still-bad")

    found = answer("retry", "--all", code=1)

    assert (1, 1) == (found["sent"], found["refused"])
    refused = next(e for e in found["events"] if e["outcome"] == "refused")
    assert refused["why"].startswith("would be parked again: unknown_type: Invalid value")
    assert before == entries_of(client, "still-bad")
    assert [refused["id"]] == [event["id"] for event in listed()]
    assert good in {event["id"] for event in listed("--all")}


def test_edited_body_takes_the_place_of_the_original(
    running: Installation, client: redis.Redis, tmp_path: Path
) -> None:
    """The original stays with its bytes, marked by the id of what was sent; once, however often."""
    bad = charge("edited", amount="a lot")
    add(client, stream_of("edited"), [structured(bad)])
    running.wait_until_folded()
    (event,) = listed()
    file = tmp_path / "event.json"
    file.write_bytes(json_bytes(charge("edited", amount="a bit")))
    refused = answer("retry", event["id"], "--edited", str(file), code=1)
    assert "wrong_shape" in refused["events"][0]["why"]
    assert 1 == len(listed())

    file.write_bytes(json_bytes(charge("edited", amount="0.5", id="mended")) + b"\n")
    for _again in range(2):
        answer("retry", event["id"], "--edited", str(file))

    assert "0.5" == str(credits_of(running, "edited"))
    assert [] == listed()
    (kept,) = listed("--all")
    assert "mended" == kept["retriedAs"]
    assert json_bytes(bad).decode() == answer("show", event["id"])["body"]


def test_cut_event_needs_an_edited_body(running: Installation, tmp_path: Path) -> None:
    """What was not kept cannot be sent, and it says so."""
    whole = json_bytes(charge("cut", note="x" * EVENT_BYTES_MAX))
    id_ = park_as(running, structured(whole), ParkReason.TOO_LARGE)

    refused = answer("retry", id_, code=1)
    assert (
        f"only the first {EVENT_BYTES_MAX:,} of its {len(whole):,} bytes were kept:"
        " use --edited" == refused["events"][0]["why"]
    )
    file = tmp_path / "event.json"
    file.write_bytes(json_bytes(charge("cut", note="short")))
    answer("retry", id_, "--edited", str(file))
    assert "1" == str(credits_of(running, "cut"))


def test_dry_run_sends_and_marks_nothing(running: Installation, client: redis.Redis) -> None:
    """It says what would be done, and leaves no row of the audit."""
    id_ = park_as(running, structured(charge("dry")))
    before = entries_of(client, "dry")

    retried = answer("retry", "--all", "--dry-run")
    discarded = answer("discard", id_, "--reason", "why not", "--dry-run")

    assert [("checked", "charge-dry")] == [(e["outcome"], e["eventId"]) for e in retried["events"]]
    assert [id_] == discarded["discarded"]
    assert before == entries_of(client, "dry")
    assert [id_] == [event["id"] for event in listed()]
    assert [] == json.loads(callfold("audit", "--json").stdout)


def test_discarded_event_is_hidden_until_it_comes_again(
    running: Installation, client: redis.Redis
) -> None:
    """Marked with who and why, never deleted; its publisher's next try is open again."""
    bad = structured(changed(type="call.exploded", subject="discarded"))
    add(client, stream_of("discarded"), [bad])
    running.wait_until_folded()
    (event,) = listed()

    answer("discard", event["id"], "--reason", "Lasttest – egal", "--as", "Zoë")

    assert [] == listed()
    assert "nothing is parked" in callfold("parked", "list").stdout
    (kept,) = listed("--all")
    assert ("discarded", "Zoë", "Lasttest – egal") == (
        kept["standing"],
        kept["resolvedBy"],
        kept["note"],
    )
    assert (
        "already resolved"
        in callfold("parked", "discard", event["id"], "--reason", "again", code=2).output
    )

    add(client, stream_of("discarded"), [bad])
    running.wait_until_folded()
    (again,) = listed()
    assert (event["id"], 2, None, None) == (
        again["id"], again["entries"], again["note"], again["resolvedBy"]
    )  # fmt: skip


def test_every_deed_is_in_the_audit(running: Installation) -> None:
    """Who, what, with which arguments, and what came of it; the latest first."""
    good = park_as(running, structured(charge("audited")))
    bad = park_as(running, structured(b"{"), ParkReason.NOT_JSON)
    answer("retry", "--all", "--as", "Zoë", code=1)
    answer("discard", bad, "--reason", "garbage")

    discarded, retried = json.loads(callfold("audit", "--json").stdout)

    assert ("parked discard", "done", {"ids": [bad], "reason": "garbage"}, {"discarded": 1}) == (
        discarded["command"], discarded["outcome"], discarded["arguments"], discarded["details"]
    )  # fmt: skip
    assert "@" in discarded["who"]
    assert ("Zoë", "parked retry", {"all": True}, {"sent": 1, "refused": 1}) == (
        retried["who"], retried["command"], retried["arguments"], retried["details"]
    )  # fmt: skip
    lines = callfold("audit", "--limit", "1").stdout.splitlines()
    assert 1 == len(lines)
    assert good != bad


def test_deed_that_failed_is_in_the_audit(
    running: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is away: nothing is marked, and the event can be retried later."""
    id_ = park_as(running, structured(charge("failed")))
    monkeypatch.setattr("shared.delivery.publisher._RETRY_MOST_S", 0.01)
    monkeypatch.setattr("services.tooling.parked.retrying._PATIENCE_S", 0.1)
    monkeypatch.setenv("CALLFOLD_REDIS_URL", "redis://127.0.0.1:1/0")
    callfold("parked", "retry", id_, code=1)

    assert [id_] == [event["id"] for event in listed()]
    (row,) = json.loads(callfold("audit", "--json").stdout)
    assert "failed" == row["outcome"]
    assert "PublishError" in row["details"]["error"]


def test_many_events_are_retried_some_at_a_time(running: Installation) -> None:
    """More than are read at once, in all lanes; each is marked and counts."""
    with connect(running.database_url, "test") as connection, connection.transaction():
        events = []
        for number in range(130):
            event = charge(f"many-{number}", executionid="many")
            whole = json_bytes(event)
            lane = partition_of(event["subject"], PARTITIONS_DEFAULT)
            digest = sha256(whole).digest()
            events.append(
                Parked(lane, NOW_MS, number, "unknown_type", "", 0, whole, len(whole), digest)
            )
        Parking(connection, DEFAULT_QUOTA).park(events)

    assert 130 == answer("retry", "--reason", "unknown_type")["sent"]
    assert "130" == str(credits_of(running, "many"))
    open_ = "SELECT count(*) FROM callfold.parked_events WHERE resolved_at IS NULL"
    assert [0] == column(running.database_url, open_)
    assert [("retried", 130)] == rows(
        running.database_url,
        "SELECT resolution, count(*) FROM callfold.parked_events GROUP BY resolution",
    )


@pytest.mark.parametrize(
    "arguments",
    (
        (),
        ("--all", "--reason", "crashed"),
        ("3-0123456789ab", "--all"),
        ("--all", "--edited", __file__),
        ("3-0123456789ab", "3-0123456789ac", "--edited", __file__),
        ("3-0123456789ab",),
        ("--reason", "nonsense"),
    ),
)
def test_retry_that_says_not_which_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    """Nothing is guessed where events would be sent."""
    callfold("parked", "retry", *arguments, code=2)


@pytest.mark.parametrize("command", ("list", "show", "retry", "discard"))
def test_help_teaches_with_an_example(command: str) -> None:
    """Nobody has to open the manual to begin."""
    output = " ".join(callfold("parked", command, "--help").stdout.split())
    assert f"callfold parked {command} " in output.replace("│", "")
