"""`callfold keys rotate`: a new API key in the place of an old one."""

from datetime import timedelta
from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson
from services.tooling.keys.deeds import (
    KeyId,
    audited_deed,
    id_of,
    print_json,
    print_key,
    the_key,
)
from services.tooling.safe_text import one_line
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.api_keys import rotate_api_key

_HOURS_DEFAULT = 24
_HOURS_MAX = 24 * 365


class _Rotated(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys rotate --json` prints; a dry run makes no key."""

    dry_run: bool
    key: str | None
    id: str | None
    rotated_id: str
    organization_id: str
    name: str
    scopes: list[str]
    grace_hours: int


def rotate(
    key_id: KeyId,
    grace: Annotated[
        int,
        typer.Option(
            min=0,
            max=_HOURS_MAX,
            metavar="HOURS",
            help="How long the old key stays valid; 0 ends it at once.",
        ),
    ] = _HOURS_DEFAULT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which key it is; change nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Make a key that allows the same, print it, once, and let the old one end.

    The new key is of the same organization, with the same scopes and name; where the old one
    expires, the new one lives as long as the old one was made to live.
    """
    database_url = Settings.from_environment().require_database_url()
    old = the_key(database_url, key_id)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= utc_now()):
        raise typer.BadParameter("this key is not valid any more: make one with `keys create`")
    key = None
    if not dry_run:
        said = {"id": old.id, "organization": old.organization_id, "graceHours": grace}
        with audited_deed(database_url, as_, "keys rotate", said) as details:
            key = rotate_api_key(database_url, old.id, timedelta(hours=grace))
            if key is None:
                raise typer.BadParameter("this key has just ended: make one with `keys create`")
            details["id"] = id_of(key)
    if as_json:
        new_id = None if key is None else id_of(key)
        organization_id, scopes = old.organization_id, old.scopes
        print_json(_Rotated(dry_run, key, new_id, old.id, organization_id, old.name, scopes, grace))
    elif key is None:
        name = old.name or "no name"
        typer.echo(one_line(f"would rotate {old.id} ({name}) of {old.organization_id}"))
    else:
        print_key(key)
