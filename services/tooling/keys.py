"""`callfold keys`: makes, lists and revokes API keys. Registered by the command line."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from services.tooling.audit import As, AsJson, who
from services.tooling.safe_text import one_line
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.api_keys import (
    SCOPES,
    ApiKey,
    check_api_key,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
from shared.storage.audit import audited
from shared.storage.connection import connect

_DAYS_MAX = 36_500

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke API keys; needs CALLFOLD_DATABASE_URL.",
)


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys create --json` prints; a dry run makes no key."""

    dry_run: bool
    key: str | None
    id: str | None
    organization_id: str
    scopes: list[str]
    name: str
    expires_at: datetime | None


class _Revoked(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys revoke --json` prints."""

    dry_run: bool
    id: str
    organization_id: str
    name: str


@keys_app.command()
def create(
    organization: Annotated[
        str, typer.Option(help="Whose reports it reads, for whom it publishes.")
    ],
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}. May be repeated.")
    ],
    name: Annotated[str, typer.Option(help="Who will use it, for your own list.")] = "",
    expires_in: Annotated[
        int | None,
        typer.Option(min=1, max=_DAYS_MAX, metavar="DAYS", help="Days that it is valid."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and say what would be made; make nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    database_url = Settings.from_environment().require_database_url()
    expires_at = None if expires_in is None else utc_now() + timedelta(days=expires_in)
    scopes = sorted(set(scope))
    try:
        check_api_key(organization, scopes, name, expires_at)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    said = {
        "organization": organization,
        "scopes": scopes,
        "name": name,
        "expiresInDays": expires_in,
    }
    key = None
    if not dry_run:
        with _audited(database_url, as_, "keys create", said) as details:
            key = create_api_key(database_url, organization, scopes, name, expires_at)
            details["id"] = _id_of(key)
    if as_json:
        key_id = None if key is None else _id_of(key)
        _print_json(_Created(dry_run, key, key_id, organization, scopes, name, expires_at))
    elif key is None:
        typer.echo(f"would make a key of {organization} that may {', '.join(scopes)}")
    else:
        typer.echo(key)
        typer.echo(
            "Keep it: it cannot be shown again. Send it as x-api-key or as a bearer token.",
            err=True,
        )


@keys_app.command("list")
def list_(
    organization: Annotated[str | None, typer.Option(help="Only its keys.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the keys, oldest first; revoked and expired ones too."""
    database_url = Settings.from_environment().require_database_url()
    keys = list_api_keys(database_url, organization)
    if as_json:
        _print_json(keys)
        return
    table = Table("Id", "Organization", "Name", "Scopes", "State", "Last used")
    now = utc_now()
    for key in keys:
        table.add_row(
            key.id,
            key.organization_id,
            key.name,
            ", ".join(key.scopes),
            _state(key, now),
            _minute(key.last_used_at) if key.last_used_at else "never",
        )
    Console(markup=False).print(table)


@keys_app.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(help="The id of the key, as `keys list` shows it; not the key itself.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which key it is; revoke nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for ever; it stops within seconds."""
    database_url = Settings.from_environment().require_database_url()
    key = next((key for key in list_api_keys(database_url) if key.id == key_id), None)
    if key is None:
        raise typer.BadParameter("there is no key with this id; see `callfold keys list`")
    if not dry_run:
        said = {"id": key.id, "organization": key.organization_id, "name": key.name}
        with _audited(database_url, as_, "keys revoke", said):
            revoke_api_key(database_url, key.id)
    if as_json:
        _print_json(_Revoked(dry_run, key.id, key.organization_id, key.name))
    else:
        verb = "would revoke" if dry_run else "revoked"
        typer.echo(one_line(f"{verb} {key.id} ({key.name or 'no name'}) of {key.organization_id}"))


@contextmanager
def _audited(
    database_url: str, as_: str | None, command: str, said: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    with (
        connect(database_url, "keys") as connection,
        audited(connection, who(as_), command, said) as details,
    ):
        yield details


def _id_of(key: str) -> str:
    return key.split("_")[1]


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_minute(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= now else 'valid until'} {_minute(key.expires_at)}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
