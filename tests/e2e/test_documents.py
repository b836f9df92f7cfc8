"""What the documents say is so: examples, the generated client, curl lines, pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.read_api.documents.catalogue import INTERFACES
from services.read_api.documents.openapi import examples
from shared.storage.api_keys import create_api_key
from tests.e2e.curl_lines import curl_lines, send
from tests.e2e.documented_answers import documented_answers
from tests.e2e.documented_installation import ORGANIZATION, documented_installation
from tests.e2e.generated_client import (
    PACKAGE,
    Calls,
    generate_client,
    generated_modules,
    type_errors,
)
from tests.installation import Installation
from tests.servers import ServersForTests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
#: A document, and how many lines it has at least: a line that is not found is not tested.
DOCUMENTS = (("services/read_api/README.md", 35), ("README.md", 2))
#: Server-sent events never end, and the generated function reads to the end.
ENDLESS = "streamReport"
#: What a customer's own code would look like, and what its type checker must refuse.
CONSUMER = f"""\
from {PACKAGE} import AuthenticatedClient
from {PACKAGE}.api.program_execution import get_report
from {PACKAGE}.models import MainReport

def answered(client: AuthenticatedClient, execution_id: str) -> int:
    report = get_report.sync(execution_id, client=client)
    assert isinstance(report, MainReport)
    return report.call_metrics.answered
"""
WRONG = "\nwrong: str = answered(AuthenticatedClient(base_url='', token=''), 'spring')\n"


@pytest.fixture(scope="module")
def documented(servers: ServersForTests) -> Iterator[Installation]:
    """An installation that holds the story of the documents."""
    with documented_installation(servers) as running:
        yield running


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated client, importable."""
    folder = tmp_path_factory.mktemp("client")
    generate_client(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def test_examples_of_the_document_are_what_the_product_answers(documented: Installation) -> None:
    """`make examples` renews them."""
    assert examples() == documented_answers(documented)


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


@pytest.mark.parametrize("page", ("docs", "asyncapi"))
def test_page_allows_no_script_and_loads_only_its_own_style(
    documented: Installation, page: str
) -> None:
    """So it works without any other network."""
    answer = httpx.get(f"{documented.read_api_url}/{page}")

    assert "default-src 'none'; style-src 'self'" in answer.headers["content-security-policy"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    loaded = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', answer.text)
    assert ["docs.css"] == loaded
    assert httpx.get(f"{documented.read_api_url}/docs.css").is_success


def test_every_operation_of_the_generated_client_gives_the_raw_answer(
    documented: Installation, package: Path
) -> None:
    """Each is called once; what it decoded says the same as the bytes that came."""
    calls = Calls(documented)
    called = {
        name
        for interface in INTERFACES
        for operation in interface.operations
        if operation.id != ENDLESS
        for name in calls.call(interface, operation)
    }

    assert called == {name for name in generated_modules() if not name.endswith("stream_report")}


def test_generated_client_is_typed(package: Path) -> None:
    """Strict mypy takes a consumer's file, and names the one line that is wrong in another."""
    assert type_errors(package, CONSUMER) == []
    wrong = type_errors(package, CONSUMER + WRONG)
    assert len(wrong) == 1
    assert 'expression has type "int"' in wrong[0]
