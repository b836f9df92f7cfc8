"""Lets requests in: by an API key, by a token of ours, or by one of a configured issuer.

Every HTTP process asks here before it looks at anything else of a request.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from shared.clock import utc_now
from shared.contracts.ids import is_id
from shared.errors import SettingsError
from shared.settings import Settings
from shared.storage.api_keys import SCOPES
from shared.storage.read_pool import ReadPool
from shared.web_edge.access_tokens import ISSUER, AccessTokens
from shared.web_edge.bearer_tokens import read_unverified
from shared.web_edge.identities import Identity
from shared.web_edge.key_ring import KeyRing
from shared.web_edge.published_keys import is_loopback
from shared.web_edge.refusals import BadRequest, Unauthorized
from shared.web_edge.trusted_issuer import TrustedIssuer, trusted_issuer

#: Whose things are asked for where no key is needed.
ORGANIZATION_HEADER: Final = "x-callfold-organization"
_BEARER: Final = b"bearer "
_KEY_PREFIX: Final = b"cf_"

_Headers = Iterable[tuple[bytes, bytes]]


class Authentication:
    """Tells whose a request is.

    Attributes:
        keys: The API keys.
        tokens: The tokens that are made of them.
    """

    def __init__(
        self,
        keys: KeyRing,
        tokens: AccessTokens,
        issuer: TrustedIssuer | None = None,
        *,
        needs_credentials: bool = True,
    ) -> None:
        """Whoever sends no credentials is let in where none are needed."""
        self.keys = keys
        self.tokens = tokens
        self._issuer = issuer
        self._needs_credentials = needs_credentials

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep fresh what verifies tokens: our own keys, and an issuer's."""
        async with (
            self.tokens.following(),
            self._issuer.following() if self._issuer else nullcontext(),
        ):
            yield

    async def identity(self, headers: _Headers) -> Identity:
        """Whose credentials the headers carry.

        Raises:
            Unauthorized: there are none, or they are not valid (any more).
            BadRequest: no credentials are needed, but whose things are asked for is not said.
            Unavailable: the issuer's keys cannot be read now.
            StorageError: the key cannot be looked up now.
        """
        key, token = _credentials(headers)
        if token is not None and not token.startswith(_KEY_PREFIX):
            return await self._of_token(token)
        key = key if token is None else token
        if key is None and not self._needs_credentials:
            return _of_loopback(headers)
        if key is None:
            raise Unauthorized("API key is missing: send it as x-api-key or as a bearer token")
        grant = await self.keys.grant(key)
        if grant is None:
            raise Unauthorized("API key is unknown, revoked or expired")
        return Identity(grant.organization_id, grant.scopes, grant.subject, grant.expires_at)

    async def _of_token(self, token: bytes) -> Identity:
        said = read_unverified(token)
        if said.issuer == ISSUER:
            return await self.tokens.identity(token, said)
        if self._issuer is not None and said.issuer == self._issuer.issuer:
            return await self._issuer.identity(token, said)
        raise Unauthorized("bearer token is of an issuer that is not trusted here")


def build_authentication(
    settings: Settings,
    host: str,
    pool: ReadPool,
    *,
    while_away_s: float = 0,
    now: Callable[[], datetime] = utc_now,
) -> Authentication:
    """What the settings ask for, in a process that listens at `host`.

    Args:
        while_away_s: how long a key is believed while the database is away.

    Raises:
        SettingsError: the settings are incomplete, or unsafe.
    """
    if settings.auth == "off" and not is_loopback(host):
        raise SettingsError(
            f"CALLFOLD_AUTH=off would open everything to whoever reaches {host}: listen on "
            "127.0.0.1, or leave CALLFOLD_AUTH on and make a key with `callfold keys create`"
        )
    keys = KeyRing(pool, while_away_s=while_away_s, now=now)
    return Authentication(
        keys,
        AccessTokens(pool, keys, now),
        trusted_issuer(settings, now),
        needs_credentials=settings.auth == "on",
    )


def _credentials(headers: _Headers) -> tuple[bytes | None, bytes | None]:
    """`x-api-key`, which goes before the bearer token, and else that token."""
    token = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip(), None
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            token = value[len(_BEARER) :].strip()
    return None, token


def _of_loopback(headers: _Headers) -> Identity:
    """Whoever is on this machine may do everything, for the organization that is named."""
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    # A page of another site can have its name resolved to this machine, but not this header.
    if not is_loopback(urlsplit(f"//{sent.get('host', '')}").hostname or ""):
        raise Unauthorized("without a key, ask this machine by a loopback address")
    organization_id = sent.get(ORGANIZATION_HEADER, "")
    if not is_id(organization_id):
        raise BadRequest(f"send an API key, or say whose things you ask for: {ORGANIZATION_HEADER}")
    return Identity(organization_id, frozenset(SCOPES), "loopback", None)
