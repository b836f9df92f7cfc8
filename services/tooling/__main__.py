"""The command `callfold`, or `python -m services.tooling`: one module for each subcommand."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import psycopg
import redis
import sqlalchemy.exc
import typer

from services.tooling.audit import audit
from services.tooling.breaker import breaker_app
from services.tooling.demo import demo
from services.tooling.explain.command import explain
from services.tooling.incidents import incidents
from services.tooling.keys import keys_app
from services.tooling.lag import lag
from services.tooling.log import log_app
from services.tooling.migrate import migrate_command
from services.tooling.parked import parked_app
from services.tooling.rebuild.command import rebuild
from services.tooling.replay import replay
from services.tooling.simulate import simulate
from services.tooling.up import up
from shared.errors import CallfoldError

app = typer.Typer(
    name="callfold",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog="Begin with `callfold demo`, or keep an installation running with `callfold up`. "
    "Exit codes: 0 well, 1 not, 2 a wrong option, 3 a difference found, 130 interrupted.",
)
app.command()(up)
app.command()(demo)
app.command()(simulate)
app.command()(rebuild)
app.command()(replay)
app.command()(incidents)
app.command()(explain)
app.command()(audit)
app.command()(lag)
app.command("migrate")(migrate_command)
app.add_typer(log_app, name="log")
app.add_typer(keys_app, name="keys")
app.add_typer(breaker_app, name="breaker")
app.add_typer(parked_app, name="parked")


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
    except redis.RedisError as error:
        _fail(f"Redis: {_first_line(error)}")
    except (psycopg.Error, sqlalchemy.exc.DBAPIError) as error:
        _fail(f"PostgreSQL: {_first_line(error)}")


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
    sys.exit(1)


if __name__ == "__main__":
    main()
