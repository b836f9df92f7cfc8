"""What each operation answers to the story; `python -m tests.e2e.documented_answers` keeps it.

What it keeps are the examples of the OpenAPI document (`make schemas` renews that afterwards).
"""

import json
from typing import Any

import httpx

from services.read_api.documents.openapi import EXAMPLES_FILE, story_requests
from tests.e2e.documented_installation import ORGANIZATION, documented_installation
from tests.installation import Installation
from tests.servers import servers_for_tests


def documented_answers(running: Installation) -> dict[str, Any]:
    """Bodies by operation, in the order of the document."""
    headers = {"x-api-key": running.key(ORGANIZATION)}
    answers = {}
    with httpx.Client(base_url=running.read_api_url, headers=headers, timeout=20) as client:
        for operation, target in story_requests():
            answer = client.get(target)
            assert answer.status_code == operation.status, f"{target}: {answer.text}"
            answers[operation.id] = answer.json()
    return answers


if __name__ == "__main__":
    with servers_for_tests() as servers, documented_installation(servers) as started:
        found = json.dumps(documented_answers(started), indent=2, ensure_ascii=False)
    EXAMPLES_FILE.write_text(f"{found}\n", encoding="utf-8")
