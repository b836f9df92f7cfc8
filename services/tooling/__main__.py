"""The command `callfold`, or `python -m services.tooling`; `commands` is the table of all."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from services.tooling.commands import Commands
from services.tooling.exit_codes import FAILED
from shared.errors import NOT_LAID_OUT, CallfoldError

app = typer.Typer(
    name="callfold",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog="Begin with `callfold demo`, or keep an installation running with `callfold up`. "
    "Exit codes: 0 well, 1 not, 2 a wrong option, 3 a difference found, 4 a limit passed, 130 "
    "interrupted. Each command says in its `--help` which others than 0, 1 and 2 it has.",
)
#: Class of an error, its module, and who it speaks of; the module is loaded by whoever raises it.
_SERVERS = (
    ("redis", "RedisError", "Redis"),
    ("psycopg", "Error", "PostgreSQL"),
    ("sqlalchemy.exc", "DBAPIError", "PostgreSQL"),
    ("alembic.util", "CommandError", "Migrations"),
    ("duckdb", "Error", "DuckDB"),
)
#: undefined_table, invalid_schema_name
_MISSING_STATES = {"42P01", "3F000"}


@app.callback()
def callfold(
    _show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda wanted: _print_version(wanted=wanted),
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """Fold call events from Redis streams into exact reports in PostgreSQL.

    Telephony systems publish what happened by XADD; projectors fold it; the read API serves the
    reports. Settings are environment variables: CALLFOLD_REDIS_URL, CALLFOLD_DATABASE_URL and
    others.
    """


def main() -> None:
    """Run the command line; what we know about is one line on standard error."""
    try:
        app()
    except CallfoldError as error:
        _fail(str(error))
    except Exception as error:
        server = _server_of(error)
        if server is None:
            raise
        is_missing = getattr(error, "sqlstate", None) in _MISSING_STATES
        _fail(NOT_LAID_OUT if is_missing else f"{server}: {_first_line(error)}")
    finally:
        _flush()


def _server_of(error: Exception) -> str | None:
    """Whose error it is; None where it is a mistake of our own."""
    for module, name, server in _SERVERS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(error, getattr(loaded, name)):
            return server
    return None


def _print_version(*, wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"callfold {version('callfold')}")
    except PackageNotFoundError:
        typer.echo("callfold, from a source folder that is not installed")
    raise typer.Exit


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _fail(line: str) -> None:
    sys.stderr.write(f"callfold: {line}\n")
    sys.exit(FAILED)


def _flush() -> None:
    """Write what is left; that its reader went away, as `| head` does, is nobody's mistake."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
