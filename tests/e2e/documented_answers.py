"""What each operation answers to the story; `make examples` keeps it."""

import json
from typing import Any
from urllib.parse import quote

import httpx

from services.read_api.documents.catalogue import INTERFACES
from services.read_api.documents.openapi import EXAMPLES_FILE
from services.read_api.documents.operations import Interface, Operation
from services.read_api.reading.answers import JSON_MEDIA_TYPE
from tests.e2e.documented_installation import ORGANIZATION, documented_installation
from tests.installation import Installation
from tests.servers import servers_for_tests


def documented_answers(running: Installation) -> dict[str, Any]:
    """Bodies by operation, in the order of the document."""
    headers = {"x-api-key": running.key(ORGANIZATION)}
    answers = {}
    with httpx.Client(base_url=running.read_api_url, headers=headers, timeout=20) as client:
        for interface in INTERFACES:
            for operation in filter(_is_asked, interface.operations):
                answer = client.get(_target(interface, operation))
                assert answer.status_code == operation.status, f"{operation.id}: {answer.text}"
                answers[operation.id] = answer.json()
    return answers


def _is_asked(operation: Operation) -> bool:
    """Whether its example is what it answers to the story."""
    is_json = operation.media_types == (JSON_MEDIA_TYPE,)
    return operation.method == "get" and is_json and operation.example is None


def _target(interface: Interface, operation: Operation) -> str:
    """The path, with what the story has."""
    path = operation.path
    for name, parameter in interface.path_parameters.items():
        path = path.replace(f"{{{name}}}", quote(str(parameter.example), safe=""))
    return path


if __name__ == "__main__":
    with servers_for_tests() as servers, documented_installation(servers) as started:
        found = json.dumps(documented_answers(started), indent=2, ensure_ascii=False)
    EXAMPLES_FILE.write_text(f"{found}\n", encoding="utf-8")
