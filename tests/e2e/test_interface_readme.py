"""Every curl line that is written down answers what is written beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.storage.api_keys import create_api_key
from tests.e2e.curl_lines import curl_lines, send
from tests.e2e.documented_installation import ORGANIZATION, documented_installation
from tests.installation import Installation
from tests.servers import ServersForTests

ROOT = Path(__file__).resolve().parents[2]
#: A document, and how many lines it has at least: a line that is not found is not tested.
DOCUMENTS = (("services/read_api/README.md", 35), ("README.md", 2))


@pytest.fixture(scope="module")
def documented(servers: ServersForTests) -> Iterator[Installation]:
    """An installation that holds the story of the documents."""
    with documented_installation(servers) as running:
        yield running


@pytest.mark.parametrize(("document", "least"), DOCUMENTS)
def test_curl_lines_of_a_document_answer_what_it_says(
    documented: Installation, document: str, least: int
) -> None:
    """Status, and what stands at one place of the body or its media type."""
    lines = list(curl_lines(ROOT / document))
    assert len(lines) >= least
    key = create_api_key(documented.database_url, ORGANIZATION, ("read", "publish"), "readme")
    replacements = {
        "$PUBLISH": key,
        "$KEY": key,
        "EXECUTION": "spring",
        "localhost:8080": documented.read_api_url.removeprefix("http://"),
        "localhost:8082": documented.ingest_url.removeprefix("http://"),
    }
    for line in lines:
        send(line, replacements, ROOT)
