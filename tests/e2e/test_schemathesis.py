"""Schemathesis, all checks, on the whole OpenAPI document, with keys of two organizations."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.read_api.documents.catalogue import INTERFACES
from services.read_api.documents.openapi import OPENAPI_FILE
from services.tooling.traffic import to_json
from tests.e2e.documented_installation import STORY, post_story
from tests.installation import Installation, installation
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import ORGANIZATIONS, messy_events

pytestmark = pytest.mark.timeout(600)

_SEED = 5
#: Texts of events that reach answers; ids are the same in both organizations.
_TEXTS = {
    *("name", "flowName", "programName", "displayName", "label", "body", "transcript", "url"),
    *("firstName", "lastName", "email", "phone", "from", "to", "text", "error", "hangupReason"),
}
#: What the document cannot say: that a cursor is known only by asking for it, credentials, and
#: what makes a payload good. Streams never end.
_CONFIG = """
[generation]
database = "none"

[[operations]]
include-operation-id = ["listReportCalls", "headListReportCalls", "createToken", "publishEvents"]
[operations.checks.positive_data_acceptance]
enabled = false

[[operations]]
include-operation-id = "streamReport"
max-stream-events = 1
"""
#: Each file is written by a process of its own.
_FEW_FILES = """
[[operations]]
include-tag = ["Exports", "Export jobs"]
[operations.phases.coverage]
enabled = false
[operations.generation]
max-examples = 1
"""


@pytest.fixture(scope="module")
def running(servers: ServersForTests) -> Iterator[Installation]:
    """An installation with the same ids in two organizations, whose texts carry their names."""
    with fresh_database(servers) as url, installation(fresh_redis(servers), url) as started:
        started.start_projector()
        started.start_ingest()
        started.start_read_api()
        messy = messy_events(seed=_SEED, contacts=8)
        for organization_id in ORGANIZATIONS:
            events = [json.loads(line) for line in STORY.splitlines()]
            events += [one for one in messy if one["organizationid"] == organization_id]
            lines = [to_json(_of(event, organization_id)) for event in events]
            post_story(started, organization_id, b"\n".join(lines))
        started.wait_until_folded()
        yield started


@pytest.mark.slow
def test_whole_document_holds_for_few_examples(running: Installation, tmp_path: Path) -> None:
    """No 500, no answer outside its schema, nothing of the other organization."""
    _fuzz(running, tmp_path, max_examples=5)


@pytest.mark.soak
def test_whole_document_holds_for_many_examples(running: Installation, tmp_path: Path) -> None:
    """The same for long."""
    _fuzz(running, tmp_path, max_examples=500)


def _fuzz(running: Installation, folder: Path, max_examples: int) -> None:
    """Run one process for each organization, at the same time."""
    started = []
    for organization_id, other in zip(ORGANIZATIONS, reversed(ORGANIZATIONS), strict=True):
        config = folder / f"{organization_id}.toml"
        config.write_text(_known_ids(organization_id) + _CONFIG, encoding="utf-8")
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        command += [str(OPENAPI_FILE), "--url", running.read_api_url, "--seed", str(_SEED)]
        command += ["--header", f"x-api-key: {running.key(organization_id)}", "--checks", "all"]
        command += ["--max-examples", str(max_examples), "--no-color"]
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.e2e.leak_check",
            "CALLFOLD_FOREIGN_MARK": other,
        }
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
    outputs = [process.communicate()[0] for process in started]
    for process, output in zip(started, outputs, strict=True):
        assert process.returncode == 0, output


def _known_ids(organization_id: str) -> str:
    """Ids of paths that lead somewhere, as dictionaries of the configuration."""
    found: dict[str, set[str]] = {}
    for interface in INTERFACES:
        for parameter in interface.path_parameters.values():
            found.setdefault(parameter.name, set()).add(str(parameter.example))
    found["executionId"] |= {"execution 0", "execution 1"}
    found["campaign_id"] |= {"program/0", "program/1"}
    found["accountId"] = {organization_id}
    lines = []
    for name, ids in found.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(sorted(ids))}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in found]
    return "\n".join(lines)


def _of(event: dict[str, Any], organization_id: str) -> dict[str, Any]:
    """The event of an organization, whose name begins every text that it says."""
    return {
        **event,
        "organizationid": organization_id,
        "data": _marked(event.get("data", {}), organization_id),
    }


def _marked(said: Any, organization_id: str) -> Any:
    if isinstance(said, list):
        return [_marked(one, organization_id) for one in said]
    if not isinstance(said, dict):
        return said
    return {
        key: f"{organization_id} {value}"
        if key in _TEXTS and isinstance(value, str)
        else _marked(value, organization_id)
        for key, value in said.items()
    }
