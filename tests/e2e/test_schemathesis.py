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
from shared.storage.api_keys import create_api_key
from tests.e2e.documented_installation import STORY, post_story
from tests.installation import Installation, installation
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import ORGANIZATIONS, messy_events

pytestmark = pytest.mark.timeout(300)

_SEED = 5
_PHASES = "examples,coverage,fuzzing,stateful"
#: Texts of events that reach answers; ids are the same in both organizations.
_TEXTS = {
    *("name", "flowName", "programName", "displayName", "label", "body", "transcript", "url"),
    *("firstName", "lastName", "email", "phone", "from", "to", "text", "error", "hangupReason"),
}
#: What the document cannot say: that a cursor is known only by asking for it, how many bytes an id
#: has, credentials, and what makes a payload good. Streams never end.
_CONFIG = """
[generation]
database = "none"

[[operations]]
include-operation-id-regex = "(?i)(ListReportCalls|ListAgentExecutions|ListWorkflowExecutions)$"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "400", "404"]

[[operations]]
include-operation-id = ["createToken", "publishEvents"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "415", "422"]

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
    _fuzz(running, tmp_path, _FEW_FILES, max_examples=2, phases_of_others="examples,fuzzing")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whole_document_holds_for_many_examples(running: Installation, tmp_path: Path) -> None:
    """The same for long."""
    _fuzz(running, tmp_path, "", max_examples=100, phases_of_others=_PHASES)


def _fuzz(
    running: Installation, folder: Path, files: str, *, max_examples: int, phases_of_others: str
) -> None:
    """Run one process for each organization and one for ingest, at the same time."""
    first, second = ORGANIZATIONS
    runs = [
        (first, second, running.read_api_url, "exclude", _PHASES),
        (second, first, running.read_api_url, "exclude", phases_of_others),
        (first, second, running.ingest_url, "include", _PHASES),
    ]
    started = []
    for number, (own, other, url, filtered, phases) in enumerate(runs):
        config = folder / f"{number}.toml"
        config.write_text(_known_ids(own) + _CONFIG + files, encoding="utf-8")
        key = create_api_key(running.database_url, own, ("read", "publish"), "fuzz")
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        command += [str(OPENAPI_FILE), "--url", url, f"--{filtered}-path", "/v1/events"]
        command += ["--header", f"x-api-key: {key}", "--checks", "all", "--phases", phases]
        command += ["--max-examples", str(max_examples), "--seed", str(_SEED), "--no-color"]
        environment = os.environ | {
            "SCHEMATHESIS_HOOKS": "tests.e2e.leak_check",
            "CALLFOLD_FOREIGN_MARK": other,
        }
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdout=pipe, text=True))
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
