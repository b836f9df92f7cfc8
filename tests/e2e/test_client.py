"""The typed client that anyone can generate from the OpenAPI document works, without a warning."""

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import httpx
import msgspec
import mypy.api
import pytest

from services.read_api.documents.catalogue import INTERFACES
from services.read_api.documents.openapi import FOLDER, OPENAPI_FILE, examples
from services.read_api.documents.operations import Interface, Operation
from shared.storage.api_keys import create_api_key
from tests.e2e.documented_answers import documented_answers
from tests.e2e.documented_installation import ORGANIZATION, documented_installation
from tests.installation import Installation, until
from tests.servers import ServersForTests

pytestmark = pytest.mark.slow

_PACKAGE = "callfold_client"
_API = f"{_PACKAGE}.api"
#: Server-sent events never end, and the generated function reads to the end.
_ENDLESS = {"streamReport"}
#: What a customer's own code would look like, and what its type checker must refuse.
_CONSUMER = f"""\
from {_PACKAGE} import AuthenticatedClient
from {_PACKAGE}.api.program_execution import get_report
from {_PACKAGE}.models import MainReport

def answered(client: AuthenticatedClient, execution_id: str) -> int:
    report = get_report.sync(execution_id, client=client)
    assert isinstance(report, MainReport)
    return report.call_metrics.answered
"""
_WRONG = "\nwrong: str = answered(AuthenticatedClient(base_url='', token=''), 'spring')\n"


@pytest.fixture(scope="module")
def documented(servers: ServersForTests) -> Iterator[Installation]:
    """An installation that holds the story of the documents."""
    with documented_installation(servers) as running:
        yield running


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The generated package, importable; a warning of the generator fails."""
    folder = tmp_path_factory.mktemp("client")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    command += ["--path", str(OPENAPI_FILE), "--config", str(FOLDER / "client.yaml")]
    command += ["--meta", "none", "--output-path", str(folder / _PACKAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def test_examples_of_the_document_are_what_the_product_answers(documented: Installation) -> None:
    """`make examples schemas` renews them."""
    assert examples() == documented_answers(documented)


def test_every_operation_of_the_generated_client_gives_the_raw_answer(
    documented: Installation, package: Path
) -> None:
    """Each is called once; what it decoded says the same as the bytes that came."""
    calls = Calls(documented)
    called = [
        calls.call(interface, operation, name)
        for interface in INTERFACES
        for operation in interface.operations
        if operation.id not in _ENDLESS
        for name in _names(operation)
    ]

    assert set(called) == {name for name in _generated() if not name.endswith("stream_report")}


def test_generated_client_is_typed(package: Path) -> None:
    """Strict mypy takes a consumer's file, and names the one line that is wrong in another."""
    assert _mypy(package, _CONSUMER) == []
    wrong = _mypy(package, _CONSUMER + _WRONG)
    assert len(wrong) == 1
    assert 'expression has type "int"' in wrong[0]


class Calls:
    """Calls operations with what the story has, and with what an earlier call made."""

    def __init__(self, running: Installation) -> None:
        """With a key that may do everything here."""
        self._running = running
        self._key = create_api_key(running.database_url, ORGANIZATION, ("read", "publish"), "tests")
        self._made: dict[str, str] = {}

    def call(self, interface: Interface, operation: Operation, name: str) -> str:
        """Call one; its answer is compared with its bytes. Returns the module's name."""
        module = importlib.import_module(f"{_API}.{_snake(interface.title)}.{_snake(name)}")
        url = self._running.ingest_url if interface.server else self._running.read_api_url
        client = importlib.import_module(_PACKAGE).AuthenticatedClient(
            base_url=url, token=self._key, prefix="", auth_header_name="x-api-key"
        )
        names = re.findall(r"\{(\w+)\}", operation.path)
        values = [self._made.get(one, interface.path_parameters[one].example) for one in names]
        with client:
            answer = module.sync_detailed(*values, client=client, **self._body(module, operation))
            assert operation.status == answer.status_code, answer.content
            if answer.content:
                assert _content(answer) == _plain(answer.parsed)
            if operation.id == "createExport":
                self._made["exportId"] = answer.parsed.export_id
                self._wait_for_file(client.get_httpx_client(), operation.path)
        return module.__name__

    def _body(self, module: ModuleType, operation: Operation) -> dict[str, Any]:
        """The example of the body as the first struct that the function takes."""
        if operation.body_example is None:
            return {}
        taken = get_type_hints(module.sync_detailed)["body"]
        model = next(iter(get_args(taken)), taken)
        said = operation.body_example
        if operation.id == "createToken":
            said = {"grant_type": "client_credentials", "client_secret": self._key}
            said["client_id"] = self._key.split("_")[1]
        return {"body": model.from_dict(said)}

    def _wait_for_file(self, client: httpx.Client, path: str) -> None:
        url = f"{path.format(executionId='spring')}/{self._made['exportId']}"
        until(lambda: client.get(url).json()["status"] == "completed", "the file is made")


def _names(operation: Operation) -> list[str]:
    """An operation by its id, and by that of its HEAD."""
    has_head = operation.is_report or operation.has_head
    return [operation.id, *([f"head_{operation.id}"] if has_head else [])]


def _content(answer: Any) -> Any:
    """What the bytes say: JSON, or themselves."""
    is_json = answer.headers["content-type"].startswith("application/json")
    return msgspec.json.decode(answer.content) if is_json else answer.content


def _plain(parsed: Any) -> Any:
    """What the client made of them, as JSON or bytes again."""
    if isinstance(parsed, list):
        return [_plain(one) for one in parsed]
    return parsed.to_dict() if hasattr(parsed, "to_dict") else parsed.payload.getvalue()


def _generated() -> Iterator[str]:
    api = importlib.import_module(_API)
    for found in pkgutil.walk_packages(api.__path__, f"{_API}."):
        if not found.ispkg:
            yield found.name


def _snake(words: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])| ", "_", words).lower()


def _mypy(folder: Path, code: str) -> list[str]:
    """What mypy says of a consumer's file beside the generated package."""
    (folder / "consumer.py").write_text(code, encoding="utf-8")
    output, errors, _ = mypy.api.run(
        ["--strict", "--follow-imports=silent", "--no-error-summary", f"{folder}/consumer.py"]
    )
    assert not errors
    return output.splitlines()
