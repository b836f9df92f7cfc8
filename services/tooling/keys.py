"""`callfold keys`: makes, lists and revokes API keys. Registered by the command line."""

import sys
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.api_keys import (
    SCOPES,
    ApiKey,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)

_DAYS_MAX = 36_500

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke API keys; needs CALLFOLD_DATABASE_URL.",
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys create --json` prints."""

    key: str
    id: str
    organization_id: str
    scopes: list[str]
    name: str
    expires_at: datetime | None


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
    as_json: _AsJson = False,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    database_url = Settings.from_environment().require_database_url()
    expires_at = None if expires_in is None else utc_now() + timedelta(days=expires_in)
    try:
        key = create_api_key(database_url, organization, scope, name, expires_at)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    created = _Created(key, key.split("_")[1], organization, sorted(set(scope)), name, expires_at)
    if as_json:
        _print_json(created)
        return
    typer.echo(key)
    typer.echo(
        "Keep it: it cannot be shown again. Send it as x-api-key or as a bearer token.", err=True
    )


@keys_app.command("list")
def list_(
    organization: Annotated[str | None, typer.Option(help="Only its keys.")] = None,
    as_json: _AsJson = False,
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
) -> None:
    """Revoke a key for ever; it stops within seconds."""
    database_url = Settings.from_environment().require_database_url()
    if not revoke_api_key(database_url, key_id):
        raise typer.BadParameter("there is no key with this id; see `callfold keys list`")
    typer.echo(f"revoked {key_id}")


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
