"""`callfold up` from outside: what it prints is enough to publish and to read."""

import json
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from shared.folds.states import FOLD_VERSION
from shared.storage.generations import all_generations
from tests.command_line import run_callfold, start_callfold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
_EVENT = {
    "specversion": "1.0",
    "source": "/tests",
    "type": "call.ended",
    "time": "2026-03-02T09:00:45Z",
    "organizationid": "demo",
    "executionid": "spring",
    "data": {"outcome": "busy"},
}
_KEYS = ["redisUrl", "databaseUrl", "readApiUrl", "ingestUrl", "apiKey"]


def test_one_line_of_json_names_all_that_is_needed(tmp_path: Path) -> None:
    """Events posted with the key that is printed are in the report, and Ctrl-C ends it all."""
    with start_callfold("up", "--json", "--projectors", "1", "--data-dir", str(tmp_path)) as up:
        assert up.stdout is not None
        said: dict[str, str] = json.loads(up.stdout.readline())
        assert list(said) == _KEYS
        events = [{**_EVENT, "id": f"e{n}", "subject": f"call-{n}"} for n in range(6)]
        with httpx.Client(headers={"x-api-key": said["apiKey"]}, timeout=20) as client:
            post(client, said, "application/cloudevents+json", json.dumps(events[0]))
            post(client, said, "application/cloudevents-batch+json", json.dumps(events[1:4]))
            post(client, said, "application/x-ndjson", "\n".join(map(json.dumps, events[3:])))
            wait_for_calls(client, f"{said['readApiUrl']}/program-execution/spring/report", 6)
        up.send_signal(signal.SIGINT)
        rest, errors = up.communicate(timeout=60)
    assert (0, "", "") == (up.returncode, rest, errors)


def test_printed_curl_line_publishes_an_event(tmp_path: Path) -> None:
    """Whoever copies it sees the call in the report."""
    with start_callfold("up", "--projectors", "1", "--data-dir", str(tmp_path)) as up:
        assert up.stdout is not None
        line = next(line for line in up.stdout if line.startswith("curl "))
        _, *options, url = shlex.split(line)
        said = list(zip(options[::2], options[1::2], strict=True))
        headers = dict(value.split(": ") for option, value in said if option == "-H")
        (body,) = (value for option, value in said if option == "-d")
        answer = httpx.post(url, content=body, headers=headers, timeout=20)
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=60)
    assert (202, {"accepted": 1}) == (answer.status_code, answer.json())
    assert 0 == up.returncode


def test_data_of_another_release_are_folded_anew_when_told_so(tmp_path: Path) -> None:
    """Until then nothing starts, and it says why; the old generation is kept."""
    folder = ("--data-dir", str(tmp_path), "--projectors", "1")
    with start_callfold("up", "--json", *folder) as up:
        assert up.stdout is not None
        said: dict[str, str] = json.loads(up.stdout.readline())
        with httpx.Client(headers={"x-api-key": said["apiKey"]}, timeout=20) as client:
            event = {**_EVENT, "id": "e1", "subject": "call-1"}
            post(client, said, "application/cloudevents+json", json.dumps(event))
            wait_for_calls(client, f"{said['readApiUrl']}/program-execution/spring/report", 1)
        with psycopg.connect(said["databaseUrl"]) as connection:
            connection.execute("UPDATE callfold.generations SET fold_version = 0")
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=60)
    refused = run_callfold("up", *folder)
    assert refused.returncode == 1
    assert "callfold up --rebuild" in refused.stderr

    with start_callfold("up", "--json", "--rebuild", *folder) as up:
        assert up.stdout is not None
        said = json.loads(up.stdout.readline())
        with httpx.Client(headers={"x-api-key": said["apiKey"]}, timeout=20) as client:
            wait_for_calls(client, f"{said['readApiUrl']}/program-execution/spring/report", 1)
        with psycopg.connect(said["databaseUrl"]) as connection:
            assert [(1, 0, False), (2, FOLD_VERSION, True)] == [
                (generation.number, generation.fold_version, generation.live)
                for generation in all_generations(connection)
            ]
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=60)
    assert "generation 2 is live" in errors


def post(client: httpx.Client, said: dict[str, str], media_type: str, body: str) -> None:
    """Post events, all of which must be accepted."""
    answer = client.post(
        f"{said['ingestUrl']}/v1/events", content=body, headers={"content-type": media_type}
    )
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def wait_for_calls(client: httpx.Client, url: str, calls: int) -> None:
    """Read the report until it counts so many calls."""
    deadline_s = time.monotonic() + 30
    report: Any = None
    while time.monotonic() < deadline_s:
        answer = client.get(url)
        report = answer.json()
        if answer.status_code == httpx.codes.OK and report["callMetrics"]["totalCalls"] == calls:
            return
        time.sleep(0.1)
    pytest.fail(f"the report does not count {calls} calls: {report}")
