"""The typed client that anyone can generate from the OpenAPI document, and calls of it."""

import importlib
import os
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

from services.read_api.documents.openapi import FOLDER, OPENAPI_FILE
from services.read_api.documents.operations import Interface, Operation
from shared.storage.api_keys import create_api_key
from tests.e2e.documented_installation import ORGANIZATION
from tests.installation import Installation, until

PACKAGE = "callfold_client"
_API = f"{PACKAGE}.api"


def generate_client(folder: Path) -> None:
    """Generate the package into a folder; a warning of the generator fails."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    command += ["--path", str(OPENAPI_FILE), "--config", str(FOLDER / "client.yaml")]
    command += ["--meta", "none", "--output-path", str(folder / PACKAGE)]
    # The generator looks for ruff, which formats what it made, on the PATH.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def generated_modules() -> set[str]:
    """The module of each operation of the package."""
    api = importlib.import_module(_API)
    found = pkgutil.walk_packages(api.__path__, f"{_API}.")
    return {module.name for module in found if not module.ispkg}


def type_errors(folder: Path, code: str) -> list[str]:
    """What mypy says of a consumer's file beside the package."""
    (folder / "consumer.py").write_text(code, encoding="utf-8")
    options = ["--strict", "--follow-imports=silent", "--no-error-summary"]
    output, errors, _ = mypy.api.run([*options, f"{folder}/consumer.py"])
    assert not errors
    return output.splitlines()


class Calls:
    """Calls operations with what the story has, and with what an earlier call made."""

    def __init__(self, running: Installation) -> None:
        """With a key that may do everything here."""
        self._running = running
        self._key = create_api_key(running.database_url, ORGANIZATION, ("read", "publish"), "tests")
        self._made: dict[str, str] = {}

    def call(self, interface: Interface, operation: Operation) -> Iterator[str]:
        """Call it, and its HEAD; the names of their modules."""
        has_head = operation.is_report or operation.has_head
        for name in (operation.id, *([f"head_{operation.id}"] if has_head else [])):
            yield self._call(interface, operation, name)

    def _call(self, interface: Interface, operation: Operation, name: str) -> str:
        """What the client decoded must say the same as the bytes that came."""
        module = importlib.import_module(f"{_API}.{_snake(interface.title)}.{_snake(name)}")
        url = self._running.ingest_url if interface.server else self._running.read_api_url
        client = importlib.import_module(PACKAGE).AuthenticatedClient(
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


def _content(answer: Any) -> Any:
    """What the bytes say: JSON, or themselves."""
    is_json = answer.headers["content-type"].startswith("application/json")
    return msgspec.json.decode(answer.content) if is_json else answer.content


def _plain(parsed: Any) -> Any:
    """What the client made of them, as JSON or bytes again."""
    if isinstance(parsed, list):
        return [_plain(one) for one in parsed]
    return parsed.to_dict() if hasattr(parsed, "to_dict") else parsed.payload.getvalue()


def _snake(words: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])| ", "_", words).lower()
