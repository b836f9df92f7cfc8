"""`callfold keys create`: makes an API key."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson
from services.tooling.keys.deeds import audited_deed, id_of, print_json, print_key
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.api_keys import SCOPES, check_api_key, create_api_key

_DAYS_MAX = 36_500


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys create --json` prints; a dry run makes no key."""

    dry_run: bool
    key: str | None
    id: str | None
    organization_id: str
    scopes: list[str]
    name: str
    expires_at: datetime | None


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
        with audited_deed(database_url, as_, "keys create", said) as details:
            key = create_api_key(database_url, organization, scopes, name, expires_at)
            details["id"] = id_of(key)
    if as_json:
        key_id = None if key is None else id_of(key)
        print_json(_Created(dry_run, key, key_id, organization, scopes, name, expires_at))
    elif key is None:
        typer.echo(f"would make a key of {organization} that may {', '.join(scopes)}")
    else:
        print_key(key)
