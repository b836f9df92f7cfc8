"""`callfold log` against a real log: listing, peeking, searching, and out and in again."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.entries import Entry
from shared.contracts.stream_names import partition_stream
from shared.delivery.connection import redis_client
from shared.storage.schema import migrate
from tests.command_line import run_callfold, start_callfold
from tests.contract.wire import binary, changed, json_bytes, structured
from tests.installation import until
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    everything,
    lane_owner,
    subject_in,
)

_DAY_MS = 86_400_000


@pytest.fixture
def owner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaneOwner]:
    """The owner of all lanes of an installation that the command line is told of."""
    migrate(database_url, PARTITIONS)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    with lane_owner(database_url, "one") as one:
        one.take()
        yield one


def _log(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["log", *arguments])
    assert exit_code == result.exit_code, result.output
    return result


def _lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def _ids(result: Result) -> list[str]:
    return [line["event"]["id"] for line in _lines(result)]


def _damage(owner: LaneOwner, first_ms: int) -> None:
    owner.connection.execute(
        "UPDATE callfold.log_segments SET body = set_bit(body, 77, 1 - get_bit(body, 77))"
        " WHERE first_ms = %s",
        (first_ms,),
    )


def _fill(owner: LaneOwner) -> None:
    """Three partitions, four segments, two organizations, both modes, and what is no event."""
    owner.archive(0, [call_entry(1, 0), call_entry(2, 0)], [call_entry(5, 0, organizationid="b")])
    event = changed(id="plain", subject=subject_in(1), type="call.ringing")
    owner.archive(1, [Entry(NOW_MS + _DAY_MS, 3, binary(event))])
    owner.archive(2, [Entry(NOW_MS + 7, 0, structured(b"\x1b[2J not json \xff"))])


def test_listing_counts_each_partition_and_month(owner: LaneOwner) -> None:
    """A month is the one in which a segment begins; an id beyond all dates has no time."""
    _fill(owner)
    owner.archive(3, [call_entry(2_000_000_000, 3)], [Entry(2**63 - 1, 7, call_entry(1, 3).fields)])

    found = json.loads(_log("ls", "--json").stdout)

    columns = ("partition", "month", "segments", "smallSegments", "events", "organizations")
    assert [
        (0, "2026-03", 2, 2, 3, 2),
        (1, "2026-03", 1, 1, 1, 1),
        (2, "2026-03", 1, 1, 1, 0),
        (3, "2026-03", 1, 1, 1, 1),
        (3, "beyond", 1, 1, 1, 1),
    ] == [tuple(month[column] for column in columns) for month in found]
    assert (f"{NOW_MS + 1}-0", f"{NOW_MS + 5}-0") == (found[0]["first"], found[0]["last"])
    assert "2026-03-08T20:00:00.001Z" == found[0]["firstAt"]
    assert (f"{2**63 - 1}-7", None) == (found[4]["last"], found[4]["lastAt"])
    stored = owner.connection.execute("SELECT sum(octet_length(body)) FROM callfold.log_segments")
    assert stored.fetchone() == (sum(month["bytes"] for month in found),)
    table = _log("ls").stdout
    assert re.search(r"all\W+6\W+6\W+7\W", table), table
    assert str(2**63 - 1) in table


def test_empty_log_is_listed_as_empty(owner: LaneOwner) -> None:
    """No failure: nothing was published yet."""
    assert [] == json.loads(_log("ls", "--json").stdout)
    assert "all" in _log("ls").stdout


def test_peeking_begins_at_the_position(owner: LaneOwner) -> None:
    """By id or by time, that entry included, over segments, as many as were asked for."""
    _fill(owner)
    at = "2026-03-08T20:00:00.002Z"

    for start in (f"{NOW_MS + 2}-0", str(NOW_MS + 2), at):
        assert ["call-2", "call-5"] == _ids(_log("peek", "0", start, "--json"))
    assert ["call-2"] == _ids(_log("peek", "0", at, "--count", "1", "--json"))
    assert ["call-5"] == _ids(_log("peek", "0", f"{NOW_MS + 2}-1", "--json"))
    line = _log("peek", "1", "0").stdout
    assert line.startswith(f"1 {NOW_MS + _DAY_MS}-3  20")
    assert "  binary  checksum ok  {" in line
    assert "" == _log("peek", "0", "2100-01-01T00:00:00Z").stdout


def test_what_is_no_event_is_shown_without_its_control_characters(owner: LaneOwner) -> None:
    """Its bytes travel in base64, so that nobody's terminal is rewritten."""
    _fill(owner)

    (line,) = _lines(_log("peek", "2", "0", "--json"))

    assert ("G1sySiBub3QganNvbiD/", "structured") == (line["bytes"], line["mode"])
    assert "event" not in line
    assert "base64:G1sySi" in _log("peek", "2", "0").stdout


def test_impossible_option_is_refused(owner: LaneOwner) -> None:
    """Exit code 2, as for any wrong option."""
    for arguments in (
        ("peek", "0", "yesterday"),
        ("peek", "0", "2026-03-02T09:00:00"),
        ("peek", "0", "99999999999999999999-0"),
        ("peek", "99", "0"),
        ("grep", "("),
        ("grep", "x", "--since", "soon"),
        ("grep", "x", "--limit", "0"),
        ("export", "-", "--json"),
        ("export", "-", "--format", "parquet"),
    ):
        _log(*arguments, exit_code=2)


def test_searching_finds_what_matches(owner: LaneOwner) -> None:
    """The expression and every filter must hold; the plain fields of binary mode count as JSON."""
    _fill(owner)
    cases: dict[tuple[str, ...], list[str]] = {
        ('"id":"call-[15]"',): ["call-1", "call-5"],
        (".", "--organization", "b"): ["call-5"],
        (".", "--subject", subject_in(1)): ["plain"],
        (".", "--execution", "exec-1"): ["call-1", "call-2", "call-5", "plain"],
        (".", "--execution", "exec-2"): [],
        (".", "--type", "call.ringing"): ["plain"],
        (".", "--organization", "acme", "--until", "2026-03-09T00:00:00Z"): ["call-1", "call-2"],
        ('"id":"c', "--since", "2026-03-08T20:00:00.002Z"): ["call-2", "call-5"],
        ('"id":"c', "--limit", "2"): ["call-1", "call-2"],
        ("nothing like it",): [],
    }
    for arguments, expected in cases.items():
        assert expected == _ids(_log("grep", *arguments, "--json")), arguments
        assert len(expected) == len(_log("grep", *arguments).stdout.splitlines())


def test_bytes_of_bad_events_are_searched_as_well(owner: LaneOwner) -> None:
    """The log keeps everything; what is parked is found there too."""
    _fill(owner)

    (line,) = _lines(_log("grep", "not json", "--json"))

    assert (2, NOW_MS + 7) == (line["partition"], line["ms"])


def test_segments_that_cannot_match_are_not_opened(owner: LaneOwner) -> None:
    """Damaged ones go unnoticed then: by organization, by time, by the subject's partition."""
    _fill(owner)
    _damage(owner, NOW_MS + 1)

    assert ["call-5"] == _ids(_log("grep", ".", "--organization", "b", "--json"))
    assert ["plain"] == _ids(_log("grep", ".", "--subject", subject_in(1), "--json"))
    since = ("--since", "2026-03-08T20:00:00.005Z")
    until_next = ("--until", "2026-03-08T21:00:00Z")
    assert ["call-5"] == _ids(_log("grep", "call-", *since, *until_next, "--json"))


def test_damaged_segment_is_named_and_the_others_are_searched(
    owner: LaneOwner, tmp_path: Path
) -> None:
    """Exit code 1, for what was not seen; an export says so as well."""
    _fill(owner)
    _damage(owner, NOW_MS + 1)

    found = _log("grep", "call-", "--json", exit_code=1)

    assert ["call-5", "plain"] == _ids(found)
    assert f"segment 0/{NOW_MS + 1}-0 fails its checksum" in found.stderr
    assert "damaged segments: 1" in found.stderr
    assert ["call-5"] == _ids(_log("peek", "0", "0", "--json", exit_code=1))
    file = tmp_path / "some.ndjson"
    said = json.loads(_log("export", str(file), "--json", exit_code=1).stdout)
    assert (3, 1) == (said["events"], len(said["damaged"]))
    assert 3 == len(file.read_text().splitlines())


def test_reader_that_has_seen_enough_ends_the_search(owner: LaneOwner) -> None:
    """As `| head` does; the search ends without a traceback."""
    owner.archive(0, [call_entry(n, 0) for n in range(3000)])
    process = start_callfold("log", "grep", ".", database_url=owner.database_url)
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(f"0 {NOW_MS}-0")
        process.stdout.close()
        errors = process.stderr.read()

    assert "Traceback" not in errors, errors
    assert "BrokenPipe" not in errors


def test_interrupted_export_leaves_the_older_file(owner: LaneOwner, tmp_path: Path) -> None:
    """Ctrl-C ends it with exit code 130; half a file is none."""
    owner.archive(0, [call_entry(n, 0) for n in range(3000)], [call_entry(9_000, 0)])
    file = tmp_path / "all.ndjson"
    file.write_text("an older export")
    with psycopg.connect(owner.database_url) as blocking:
        blocking.execute("LOCK TABLE callfold.log_segments IN ACCESS EXCLUSIVE MODE")
        with start_callfold("log", "export", str(file), database_url=owner.database_url) as process:
            until((tmp_path / "all.ndjson.partial").exists, "the export has begun")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)

    assert (130, "") == (process.returncode, errors)
    assert ["all.ndjson"] == [path.name for path in tmp_path.iterdir()]
    assert "an older export" == file.read_text()


def test_export_is_a_line_for_each_entry(owner: LaneOwner, tmp_path: Path) -> None:
    """As it was published; a pretty event loses its line breaks, nothing else."""
    event = changed(id="pretty", subject=subject_in(0), data={"amount": 1, "note": "ü"})
    pretty = json.dumps(event, indent=2).replace('"amount": 1', '"amount": 1.50').encode()
    owner.archive(0, [Entry(NOW_MS, 5, structured(pretty)), call_entry(1, 0)])
    file = tmp_path / "all.ndjson"
    file.write_text("an older export")

    result = _log("export", str(file))

    first, second = file.read_bytes().splitlines()
    assert b'"amount":1.50' in first
    assert b'"note":"\\u00fc"' in first
    read = json.loads(second)
    assert ["partition", "ms", "seq", "receivedAt", "mode", "event"] == list(read)
    assert (0, NOW_MS + 1, 0, "structured") == tuple(
        read[key] for key in ("partition", "ms", "seq", "mode")
    )
    assert call_entry(1, 0).fields[1] in second
    assert "exported 2" in result.stderr
    assert ["all.ndjson"] == [path.name for path in tmp_path.iterdir()]
    assert file.read_text() == _log("export", "-").stdout


def test_export_into_a_pipe_leaves_the_pipe(owner: LaneOwner, tmp_path: Path) -> None:
    """What is no file, such as a device, is written to and never replaced."""
    owner.archive(0, [call_entry(1, 0)])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reading = Thread(target=lambda: read.append(pipe.read_bytes()))
    reading.start()

    _log("export", str(pipe))

    reading.join()
    assert pipe.is_fifo()
    assert read[0].startswith(b'{"partition":0,')


def test_export_to_nowhere_fails(owner: LaneOwner, tmp_path: Path) -> None:
    """One line that names the file, exit code 1."""
    done = run_callfold(
        "log", "export", str(tmp_path / "no" / "x"), database_url=owner.database_url
    )
    assert 1 == done.returncode
    assert f"callfold: {tmp_path / 'no' / 'x'}: No such file or directory\n" == done.stderr


def _published(redis_url: str) -> dict[int, list[bytes]]:
    client: Any = redis_client(redis_url)
    return {
        lane: [fields[b"event"] for _, fields in client.xrange(partition_stream(lane))]
        for lane in range(PARTITIONS)
    }


def test_import_publishes_what_was_exported_and_counts_once(
    owner: LaneOwner, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte into the same partitions, out of either format; twice counts once."""
    _fill(owner)
    redis_client(redis_url).set("callfold:partitions", str(PARTITIONS))
    monkeypatch.setenv("CALLFOLD_REDIS_URL", redis_url)
    files = [str(tmp_path / name) for name in ("all.ndjson", "all.parquet")]
    for file in files:
        _log("export", file)

        dry = json.loads(_log("import", file, "--dry-run", "--json").stdout)
        assert (True, 4, {"not_json": 1}) == (dry["dryRun"], dry["published"], dry["leftOut"])
    assert {0: [], 1: [], 2: [], 3: []} == _published(redis_url)
    before = everything(owner.connection)
    for run, file in enumerate(files, start=1):
        said = json.loads(_log("import", file, "--json").stdout)
        assert (4, False) == (said["published"], said["interrupted"])
        assert [3 * run, run, 0, 0] == [len(events) for events in _published(redis_url).values()]
    published = _published(redis_url)
    for events in published.values():
        assert events[: len(events) // 2] == events[len(events) // 2 :]
    entries = [call_entry(1, 0), call_entry(2, 0), call_entry(5, 0, organizationid="b")]
    assert [entry.fields[1] for entry in entries] == published[0][:3]

    for lane, events in published.items():
        again = [Entry(NOW_MS + 2 * _DAY_MS + n, 0, structured(e)) for n, e in enumerate(events)]
        if again:
            owner.archive(lane, again)
    after = everything(owner.connection)
    changed_tables = {table for table in before if before[table] != after[table]}
    assert {"log_segments", "lanes", "positions", "audit"} == changed_tables
    assert ["log import", "log import"] == [row[3] for row in sorted(after["audit"])]


def test_import_says_which_line_is_wrong(owner: LaneOwner, redis_url: str, tmp_path: Path) -> None:
    """A line that is not of an export stops it; the lines before it are checked already."""
    file = tmp_path / "broken.ndjson"
    good = json_bytes({"event": changed()})
    for wrong in (b"{", b'{"partition":1}', b"[]", b'{"event":1,"event":'):
        file.write_bytes(good + b"\n\n" + wrong + b"\n")
        done = run_callfold("log", "import", str(file), "--dry-run")
        assert 1 == done.returncode
        assert done.stderr.startswith("callfold: line 3 is not of an export: "), done.stderr
    done = run_callfold("log", "import", str(tmp_path / "none"), "--dry-run")
    assert (1, f"callfold: {tmp_path / 'none'}: No such file or directory\n") == (
        done.returncode,
        done.stderr,
    )


def test_interrupted_import_says_how_far_it_came(
    owner: LaneOwner, redis_url: str, tmp_path: Path
) -> None:
    """Ctrl-C ends it with all that it counted in Redis, and exit code 130."""
    client: Any = redis_client(redis_url)
    client.set("callfold:partitions", "1")
    file = tmp_path / "many.ndjson"
    file.write_bytes(
        b"".join(json_bytes({"event": changed(id=str(n))}) + b"\n" for n in range(1000))
    )
    process = start_callfold(
        "log", "import", str(file), "--rate", "50", "--json",
        redis_url=redis_url, database_url=owner.database_url,
    )  # fmt: skip
    with process:
        until(lambda: client.xlen(partition_stream(0)) > 10, "some are published")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)

    said = json.loads(output)
    assert (130, True) == (process.returncode, said["interrupted"])
    assert 10 < said["published"] < 1000
    assert said["published"] <= client.xlen(partition_stream(0)) <= said["published"] + 1
