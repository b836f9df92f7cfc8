"""The read API above the attempts of `given`."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.http_answers import Answer
from tests.integration.services.read_api.flow_events import FLOW, fold
from tests.integration.services.read_api.given import ORGANIZATION
from tests.integration.services.read_api.process import ReadApi
from tests.integration.services.read_api.workflow.given import EVENTS, Ask


@pytest.fixture(scope="module")
def folded(read_url: str) -> None:
    """Let the events be in the database."""
    fold(read_url, *EVENTS)


@pytest.fixture(scope="module")
def ask(folded: None, read_api: ReadApi, key: str) -> Ask:
    """Ask for executions of a workflow."""

    def get(
        path: str = "", workflow: str = FLOW, account: str = ORGANIZATION, **options: Any
    ) -> Answer:
        ids = f"{quote(account, safe='')}/workflows/{quote(workflow, safe='')}"
        return read_api.get(f"/v1/accounts/{ids}/executions{path}", key, **options)

    return get
