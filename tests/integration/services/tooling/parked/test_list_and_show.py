"""What operators see of parked events, on a real PostgreSQL."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from shared.contracts.codec import decode_event
from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.limits import EVENT_BYTES_MAX
from shared.storage.parking import Parking, ParkQuota
from tests.contract.wire import ABSENT, binary, changed, json_bytes, structured
from tests.integration.services.tooling.parked.parked_events import (
    callfold,
    listed,
    park,
    parking,
)
from tests.integration.shared.storage.lane_owner import NOW_MS, LaneOwner


@pytest.fixture
def owner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    with parking(database_url) as owner:
        yield owner


def groups(*arguments: str) -> list[dict[str, Any]]:
    """The groups of `parked list` as JSON."""
    found: list[dict[str, Any]] = json.loads(
        callfold("parked", "list", "--json", *arguments).stdout
    )
    return found


def shown(id_: str) -> dict[str, Any]:
    """`parked show` as JSON."""
    found: dict[str, Any] = json.loads(callfold("parked", "show", id_, "--json").stdout)
    return found


def test_nothing_parked_is_said_so(owner: LaneOwner) -> None:
    """Silence could also mean that nobody looked."""
    assert "nothing is parked" in callfold("parked", "list").stdout
    assert [] == groups()
    assert [] == listed()


def test_what_is_wrong_in_the_same_way_is_one_group(owner: LaneOwner) -> None:
    """Names, numbers and places in the detail do not tell groups apart; origin and reason do."""
    for number, name in enumerate(("call.exploded", "call.imploded"), 1):
        for source in ("/dialer/1", "/dialer/2"):
            bad = changed(type=name, id=f"{number}{source}", source=source)
            park(owner, 10 * number + int(source[-1]), structured(bad))
    repeated = structured(changed(data={"durationMs": "5"}))
    for number in range(30, 33):
        park(owner, number, repeated)
    park(owner, 40, structured(b"{"))

    found = groups()

    assert [
        ("wrong_shape", "acme", "/dialer/eu-1", 1, 3),
        ("not_json", None, None, 1, 1),
    ] == [
        (g["reason"], g["organizationId"], g["source"], g["events"], g["entries"])
        for g in found
        if g["reason"] != "unknown_type"
    ]
    unknown = [g for g in found if g["reason"] == "unknown_type"]
    assert [("/dialer/1", "call.exploded"), ("/dialer/1", "call.imploded")] == sorted(
        (g["source"], g["type"]) for g in unknown if g["source"] == "/dialer/1"
    )
    assert {"Invalid value '…' - at `$.type`"} == {g["shape"] for g in unknown}
    (wrong,) = groups("--reason", "wrong_shape")
    assert ("2026-03-08T20:00:00Z", "2026-03-08T20:00:00Z") == (
        wrong["firstSeenAt"],
        wrong["lastSeenAt"],
    )
    assert "wrong_shape: 3 entries of 1 event, acme /dialer/eu-1 call.ended" in (
        callfold("parked", "list").stdout.splitlines()
    )
    assert wrong["sample"] == shown(wrong["sample"])["id"]


def test_filters_narrow_by_reason_origin_and_time(owner: LaneOwner) -> None:
    """Each by itself; a time may be an instant, or how long ago."""
    park(owner, 0, structured(changed(type="call.exploded")))
    park(owner, 1, structured(changed(organizationid="other", data=5)))
    later = structured(changed(id="later", source="/pbx", type="call.exploded"))
    park(owner, 7_200_000, later)

    def sources(*arguments: str) -> list[tuple[str, str]]:
        return sorted((e["organizationId"], e["source"]) for e in listed(*arguments))

    assert [("acme", "/dialer/eu-1"), ("acme", "/pbx")] == sources("--reason", "unknown_type")
    assert [("other", "/dialer/eu-1")] == sources("--organization", "other")
    assert [("acme", "/pbx")] == sources("--source", "/pbx")
    assert [("acme", "/pbx")] == sources("--since", "2026-03-08T21:00:00Z")
    assert 3 == len(sources("--since", "2026-03-08"))
    assert [] == sources("--since", "1h")
    for wrong in ("soon", "999999d", "2026-13-01"):
        assert "is no time" in callfold("parked", "list", "--since", wrong, code=2).output


def test_one_event_is_shown_with_all_that_is_known(owner: LaneOwner) -> None:
    """Its reason, where it came from, how often, and its body as people read it."""
    fields = structured(changed(type="call.exploded", data={"who": "Zoë"}))
    park(owner, 1, fields)
    park(owner, 9, fields)
    (event,) = listed()

    found = shown(event["id"])
    text = callfold("parked", "show", event["id"]).stdout

    assert fields[1].decode() == found["body"]
    assert (f"{NOW_MS + 1}-0", f"{NOW_MS + 9}-0", 2, "row", False) == (
        found["firstEntry"], found["lastEntry"], found["entries"], found["bodyFrom"], found["cut"]
    )  # fmt: skip
    for line in (
        "reason: unknown_type",
        "source: /dialer/eu-1",
        "subject: call-1",
        f"sha256: {found['sha256']}",
        f"content: structured mode, {len(fields[1])} bytes, kept: whole",
        '    "who": "Zoë"',
    ):
        assert line in text.splitlines()
    short = event["id"][:-9]
    assert event["id"] == shown(short)["id"]


def test_bytes_that_a_terminal_would_obey_are_escaped(owner: LaneOwner) -> None:
    """A publisher cannot rewrite what an operator sees, in a list or a body."""
    hostile = changed(type="call.exploded", source="/\x9b2J\u202etxt")
    park(owner, 1, structured(hostile))
    park(owner, 2, structured(b"\xff\x1b[2J not JSON"))

    output = callfold("parked", "list").stdout
    for event in listed():
        output += callfold("parked", "show", event["id"]).stdout

    assert not set(output) & {"\x1b", "\x9b", "\u202e", "\xff"}
    assert "\\xff\\x1b[2J not JSON" in output
    assert "\\x9b2J\\u202etxt" in output
    raw = next(e for e in listed("--reason", "not_json"))
    assert (None, "/xtbMkogbm90IEpTT04=") == (
        shown(raw["id"])["body"],
        shown(raw["id"])["bodyBase64"],
    )


def test_event_of_binary_mode_is_shown_by_field_and_drafted_as_one_event(owner: LaneOwner) -> None:
    """What `--body` writes is a CloudEvent in JSON that one edits and retries."""
    fields = binary(changed(type="call.exploded", sequence=7, data={"durationMs": 5}))
    park(owner, 1, fields)
    (event,) = listed()

    assert "binary" == event["mode"]
    text = callfold("parked", "show", event["id"]).stdout
    assert "type: call.exploded" in text.splitlines()
    assert ["sequence", "7"] in shown(event["id"])["fields"]
    drafted = callfold("parked", "show", event["id"], "--body").stdout_bytes
    mended = decode_event(drafted.replace(b"call.exploded", b"call.ended"))
    assert ("event-1", 7) == (mended.id, mended.sequence)


def test_bytes_left_out_over_quota_are_read_from_the_log(owner: LaneOwner) -> None:
    """They are in no row, and are shown all the same."""
    owner.committer._parking = Parking(owner.committing, ParkQuota(events=0))
    fields = structured(changed(type="call.exploded"))
    park(owner, 1, fields)
    (event,) = listed()

    found = shown(event["id"])

    assert ("log", fields[1].decode()) == (found["bodyFrom"], found["body"])
    assert fields[1] == callfold("parked", "show", event["id"], "--body").stdout_bytes


def test_cut_event_shows_what_was_kept(owner: LaneOwner) -> None:
    """In both modes, of which the binary one is no longer readable by field."""
    whole = json_bytes(changed(note="x" * EVENT_BYTES_MAX))
    park(owner, 1, structured(whole))
    park(owner, 2, binary(changed(note="y" * EVENT_BYTES_MAX)))

    for event in listed():
        assert ("too_large", True) == (event["reason"], shown(event["id"])["cut"])
        text = callfold("parked", "show", event["id"]).stdout
        assert f"kept: the first {EVENT_BYTES_MAX:,} of them" in text
        assert "characters more; see --body" in text


def test_event_of_the_inbox_has_an_id_of_its_own(owner: LaneOwner) -> None:
    """What has no usable subject is parked in the inbox, which has no number to people."""
    nobody = structured(changed(subject=ABSENT))
    owner.archive(INBOX_LANE, [Entry(NOW_MS, 0, nobody)])
    (event,) = listed()

    assert event["id"].startswith("inbox-")
    assert nobody[1].decode() == shown(event["id"])["body"]


@pytest.mark.parametrize("id_", ("nonsense", "3-", "0-0123456789abcdef", "3-xyz"))
def test_wrong_id_is_a_usage_error(owner: LaneOwner, id_: str) -> None:
    """It says so, and shows what an id looks like."""
    output = callfold("parked", "show", id_, code=2).output
    assert "no id" in output or "names no parked event" in output


def test_ambiguous_id_is_refused(owner: LaneOwner, database_url: str) -> None:
    """Two events of one lane whose digests begin alike need more digits."""
    park(owner, 1, structured(changed(type="call.exploded")))
    owner.connection.execute(
        "INSERT INTO callfold.parked_events SELECT lane, set_byte(digest, 31, (get_byte(digest,"
        " 31) + 1) % 256), reason, detail, organization_id, source, event_type, subject, first_ms,"
        " first_seq, last_ms, last_seq, entries, mode, length_bytes, sha256, body"
        " FROM callfold.parked_events"
    )
    one, other = listed()
    assert one["id"] == other["id"]
    assert "several ids" in callfold("parked", "show", one["id"], code=2).output
    assert msgspec.json.decode(callfold("parked", "list", "--json").stdout)[0]["events"] == 2
