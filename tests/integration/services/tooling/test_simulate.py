"""`callfold simulate` against a real Redis: what it publishes, what it says about it."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.contracts.codec import EVENT_FIELD, decode_fields
from shared.contracts.stream_names import (
    INBOX_STREAM,
    PARTITIONS_KEY,
    partition_of,
    partition_stream,
)
from shared.delivery.connection import redis_client
from tests.command_line import run_callfold, start_callfold
from tests.reference_model import ReferenceModel

_SMALL = ("simulate", "--contacts", "40", "--json")
_PARTITIONS = 5
_LONG_AFTER = datetime(2027, 1, 1, tzinfo=UTC)


def simulated(redis_url: str, *options: str) -> dict[str, Any]:
    """The summary of a run that ends well."""
    done = run_callfold(*_SMALL, *options, redis_url=redis_url)
    assert (0, "") == (done.returncode, done.stderr)
    summary: dict[str, Any] = json.loads(done.stdout, parse_float=Decimal)
    return summary


def entries(redis_url: str, stream: str) -> list[dict[bytes, bytes]]:
    """The fields of all entries of a stream."""
    with redis_client(redis_url) as client:
        found: Any = client.xrange(stream)
    return [fields for _, fields in found]


def all_entries(redis_url: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Every entry with the stream it stands in."""
    for stream in (*map(partition_stream, range(16)), INBOX_STREAM):
        for fields in entries(redis_url, stream):
            yield stream, fields


def as_event(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """The CloudEvent of an entry in either content mode, as plain JSON."""
    if EVENT_FIELD in fields:
        event: dict[str, Any] = json.loads(fields[EVENT_FIELD], parse_float=Decimal)
        return event
    event = {name.decode(): value.decode() for name, value in fields.items()}
    event["data"] = json.loads(event["data"], parse_float=Decimal)
    return event


def distinct_ids(redis_url: str) -> set[tuple[str, str]]:
    """Source and id of every event published."""
    events = (as_event(fields) for _, fields in all_entries(redis_url))
    return {(event["source"], event["id"]) for event in events}


def test_run_reports_truth_that_reference_model_finds_in_the_streams(redis_url: str) -> None:
    """Every event arrives, whole and valid, and adds up to the truth printed beside it."""
    options = ("--organization", "a", "--organization", "b", "--executions", "2")
    summary = simulated(redis_url, *options, "--binary", "0.4", "--inbox", "0.2")
    events = []
    for _, fields in all_entries(redis_url):
        decode_fields([part for field in fields.items() for part in field])
        events.append(as_event(fields))
    assert summary["entries"] == len(events)
    assert summary["events"] == len(distinct_ids(redis_url))
    assert summary["interrupted"] is False
    model = ReferenceModel(events)
    said = [(told["organizationId"], told["executionId"]) for told in summary["executions"]]
    assert sorted(said) == sorted((o, e) for o in "ab" for e in model.execution_ids(o))
    assert len(said) == 4
    for told in summary["executions"]:
        ids = (told["organizationId"], told["executionId"])
        main = model.report(*ids, _LONG_AFTER)
        assert main is not None
        assert told["truth"] == {
            "report": {key: main[key] for key in told["truth"]["report"]},
            "breakdown": model.breakdown(*ids),
            "nodeStats": model.node_stats(*ids),
            "billing": model.billing(*ids),
        }


def test_entries_stand_in_partition_of_their_subject(redis_url: str) -> None:
    """Both content modes follow the number of partitions that the installation announces."""
    with redis_client(redis_url) as client:
        client.set(PARTITIONS_KEY, str(_PARTITIONS))
    simulated(redis_url, "--binary", "0.5")
    placed = list(all_entries(redis_url))
    assert {EVENT_FIELD in fields for _, fields in placed} == {True, False}
    for stream, fields in placed:
        subject = as_event(fields)["subject"]
        assert partition_stream(partition_of(subject, _PARTITIONS)) == stream


def test_inbox_share_of_one_publishes_all_to_the_inbox(redis_url: str) -> None:
    """A publisher that cannot compute partitions has one place to write to."""
    summary = simulated(redis_url, "--inbox", "1", "--binary", "1")
    arrived = entries(redis_url, INBOX_STREAM)
    assert summary["entries"] == len(arrived)
    assert not any(EVENT_FIELD in fields for fields in arrived)


def test_same_options_again_publish_nothing_new(redis_url: str) -> None:
    """A second run is all duplicates, whatever its messiness, and tells the same truth."""
    first = simulated(redis_url)
    published = distinct_ids(redis_url)
    second = simulated(redis_url, "--disorder", "0", "--duplicates", "0", "--inbox", "1")
    assert published == distinct_ids(redis_url)
    assert second["events"] == second["entries"] == first["events"] < first["entries"]
    assert first["executions"] == second["executions"]


@pytest.mark.parametrize(
    "option",
    (
        ("--seed", "2"),
        ("--contacts", "41"),
        ("--leave-open", "0.5"),
        ("--started-at", "2026-02-01T08:00:00+0100"),
        ("--execution-prefix", "other"),
    ),
)
def test_other_traffic_has_ids_of_its_own(redis_url: str, option: tuple[str, str]) -> None:
    """What changes an event changes its id, so that no run conflicts with an earlier one."""
    first = simulated(redis_url)
    published = distinct_ids(redis_url)
    second = simulated(redis_url, *option)
    assert first["executions"][0]["executionId"] != second["executions"][0]["executionId"]
    assert len(published) + second["events"] == len(distinct_ids(redis_url))


def test_rate_is_kept(redis_url: str) -> None:
    """Entries leave evenly, no faster than asked for."""
    summary = simulated(redis_url, "--rate", "1000")
    asked_s = summary["entries"] / 1000
    assert 0.95 * asked_s < float(summary["seconds"]) < 1.5 * asked_s


def test_interrupted_run_says_exactly_what_was_published(redis_url: str) -> None:
    """Ctrl-C ends it cleanly; a truth that was not published is not told."""
    with start_callfold(*_SMALL, "--rate", "200", redis_url=redis_url) as process:
        deadline_s = time.monotonic() + 20
        while not any(all_entries(redis_url)) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (130, "") == (process.returncode, errors)
    summary = json.loads(output)
    assert summary["interrupted"] is True
    assert len(list(all_entries(redis_url))) == summary["entries"] > 0
    assert summary["executions"][0]["truth"] is None


def test_table_for_people_names_each_execution(redis_url: str) -> None:
    """Without --json, the main figures of each execution."""
    done = run_callfold("simulate", "--contacts", "20", redis_url=redis_url)
    assert done.returncode == 0
    assert "simulated-" in done.stdout
    assert "entries of" in done.stdout


def test_redis_away_is_one_line_and_exit_code_1() -> None:
    """A person at a terminal sees what is wrong, not a stack."""
    done = run_callfold("simulate", "--contacts", "5", "--redis-url", "redis://127.0.0.1:1/0")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("callfold: Redis does not answer: ")
    assert done.stderr.count("\n") == 1


def test_missing_redis_url_names_the_variable() -> None:
    """The message says what to set."""
    done = run_callfold("simulate")
    assert (1, "") == (done.returncode, done.stdout)
    assert "CALLFOLD_REDIS_URL is not set" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    (
        ("--contacts", "0"),
        ("--duplicates", "1.5"),
        ("--organization", ""),
        ("--execution-prefix", "p" * 128),
        ("--started-at", "yesterday"),
        ("--no-such-option",),
    ),
)
def test_wrong_option_is_refused_with_exit_code_2(wrong: tuple[str, ...]) -> None:
    """Nothing is published, and the option is named."""
    done = run_callfold("simulate", *wrong, redis_url="redis://127.0.0.1:1/0")
    assert (2, "") == (done.returncode, done.stdout)
    assert wrong[0] in done.stderr
