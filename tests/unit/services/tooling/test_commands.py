"""The table of commands: true to each command's own help, and quick because it imports none."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from services.tooling.__main__ import app
from services.tooling.lazy_commands import LazyCommand

#: Prints which modules a command line has loaded by its end.
_LOADED = """
import json, sys
from services.tooling.__main__ import app
try:
    app(sys.argv[1:])
except SystemExit:
    print(json.dumps(list(sys.modules)))
"""
_SERVICES = {"alembic", "sqlalchemy", "litestar", "faststream", "uvicorn", "granian", "httpx"}
_OWN_INSTALLATION = {"psutil", "services.tooling.demo", "services.tooling.traffic"}


def _commands(group: Any, name: str = "callfold") -> Iterator[tuple[str, Any, Any]]:
    """Each command with its name, as it is listed and as it is loaded; groups as well."""
    for listed in group.commands.values():
        loaded = listed.load() if isinstance(listed, LazyCommand) else listed
        assert isinstance(loaded, (TyperCommand, TyperGroup))
        yield f"{name} {listed.name}", listed, loaded
        if isinstance(loaded, TyperGroup):
            yield from _commands(loaded, f"{name} {listed.name}")


def test_list_says_the_beginning_of_each_help() -> None:
    """Written twice, since the list must not import what it lists; so it cannot drift."""
    for name, listed, loaded in _commands(get_command(app)):
        assert listed.help.strip(), name
        assert " ".join(loaded.help.split()).startswith(" ".join(listed.help.split())), name


def test_every_command_has_json_and_every_audited_one_a_dry_run() -> None:
    """Scripts read what people read; what writes says who did it, and can be tried."""
    for name, _, loaded in _commands(get_command(app)):
        options = {option for parameter in loaded.params for option in parameter.opts}
        if not isinstance(loaded, TyperGroup):
            assert "--json" in options, name
        if "--as" in options:
            assert "--dry-run" in options, name


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    (
        ("--help", {"psycopg", "redis", "duckdb", "msgspec", *_SERVICES, *_OWN_INSTALLATION}),
        ("replay --help", {"redis", "duckdb", *_SERVICES, *_OWN_INSTALLATION}),
        ("lag --help", {"duckdb", *_SERVICES, *_OWN_INSTALLATION}),
        ("log import --help", {"duckdb", *_SERVICES, *_OWN_INSTALLATION}),
        ("keys revoke --help", {"redis", "duckdb", *_SERVICES, *_OWN_INSTALLATION}),
    ),
)
def test_command_imports_only_what_it_needs(arguments: str, unneeded: set[str]) -> None:
    """Or each would take seconds to begin."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set() == unneeded & set(json.loads(done.stdout.splitlines()[-1]))
