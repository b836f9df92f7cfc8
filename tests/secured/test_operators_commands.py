"""What operators and publishers do with documented rights alone: commands, ingest, rate limits."""

from datetime import UTC, datetime
from json import loads
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest

from shared.contracts.stream_names import LIMITS_PREFIX, partition_stream
from shared.delivery.connection import redis_client
from shared.limits import ENTRY_MS_MAX
from shared.storage.api_keys import create_api_key
from tests.command_line import run_callfold
from tests.installation import CERTIFICATES, ended_afterwards, until
from tests.secured.secured_installation import (
    SecuredInstallation,
    SecuredServers,
    fresh_installation,
)
from tests.whole_system import messy_events, publish

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
_LANE = 3


def test_operators_commands_on_secured_servers_need_no_further_right(
    secured: SecuredServers,
) -> None:
    """Doctor, lag, verify, rebuild and resume succeed, and Redis' log of refusals stays empty."""
    with ended_afterwards(fresh_installation(secured)) as running:
        running.start_projector(stream_keep_ms="0")
        running.start_read_api()
        running.start_ingest()
        publish(running.publishing_url, messy_events(seed=5, contacts=5), seed=5)
        _post_an_event(running)
        running.wait_until_folded()

        with redis_client(running.redis_url) as administrator:
            _assert_kept(administrator)
            for command in ("doctor", "lag", "verify", "rebuild"):
                _command(running, command)
            _end_lane(running.publishing_url)
            until(lambda: _incidents(running) == ["id_out_of_range"], "the incident is recorded")
            _command(running, "incidents", "resume", str(_LANE), "--as", "tests")
            running.wait_until_folded()
            refused: Any = administrator.acl_log()
    assert [] == [entry["object"] for entry in refused]


def _command(running: SecuredInstallation, *words: str) -> None:
    done = _run(running, *words)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def _run(running: SecuredInstallation, *words: str) -> CompletedProcess[str]:
    return run_callfold(
        *words,
        timeout_s=90,
        redis_url=running.operating_url,
        database_url=running.database_url,
    )


def _post_an_event(running: SecuredInstallation) -> None:
    key = create_api_key(running.database_url, "org-a", ("publish",), "tests")
    answer = httpx.post(
        f"{running.ingest_url}/v1/events",
        headers={"x-api-key": key, "content-type": "application/cloudevents+json"},
        json={
            "specversion": "1.0", "id": "posted", "source": "/tests", "type": "call.ended",
            "subject": "call posted", "time": datetime.now(UTC).isoformat(),
            "organizationid": "org-a", "executionid": "posted", "data": {"outcome": "busy"},
        },
        timeout=20,
        verify=CERTIFICATES,
    )  # fmt: skip
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    running.wait_until_folded()
    status, report = running.get(running.key("org-a"), "posted", "report")
    assert (status, report["callMetrics"]["busy"]) == (200, 1)


def _assert_kept(administrator: Any) -> None:
    """The stream keeper has been there, and the read API has counted."""
    until(
        lambda: any(
            group["entries-read"] for group in administrator.xinfo_groups(partition_stream(_LANE))
        ),
        "the watermark is advertised",
    )
    until(lambda: bool(administrator.keys(f"*{LIMITS_PREFIX}*")), "requests are counted in Redis")


def _end_lane(redis_url: str) -> None:
    """An entry id that no cursor can be, so that only an operator lets the lane go on."""
    with redis_client(redis_url) as publisher:
        publisher.xadd(partition_stream(_LANE), {"event": "{}"}, id=f"{ENTRY_MS_MAX + 1}-0")


def _incidents(running: SecuredInstallation) -> list[str]:
    done = _run(running, "incidents", "--json")
    return [incident["kind"] for incident in loads(done.stdout)]
