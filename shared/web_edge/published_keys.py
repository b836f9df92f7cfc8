"""The public keys that an issuer publishes (JWKS), fetched beside the requests and kept.

Used by `trusted_issuer`. While the issuer is away the keys that were last seen stay good.
"""

import asyncio
import http.client
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key
from msgspec import Struct

from shared.clock import monotonic_s
from shared.web_edge.background import in_background
from shared.web_edge.refusals import Unavailable

#: How old keys may be before they are fetched again though nobody misses one.
_REFRESHED_S: Final = 300.0
#: A token with an unknown key has the keys fetched at once, but no oftener than this.
ASK_AGAIN_S: Final = 3.0
_ANSWER_S: Final = 5.0
_ANSWER_BYTES_MAX: Final = 1024 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"

_log = structlog.get_logger()


class _Discovery(Struct):
    issuer: str
    jwks_uri: str


class _KeySet(Struct):
    keys: list[dict[str, Any]]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from where they were asked for, not from where an answer points to."""

    def redirect_request(self, *_args: object) -> None:
        """Follow nothing."""


_opener: Final = urllib.request.build_opener(_NoRedirects)


class PublishedKeys:
    """The keys of one issuer."""

    def __init__(
        self, issuer: str, jwks_url: str | None, clock_s: Callable[[], float] = monotonic_s
    ) -> None:
        """Where no URL is given, the issuer's discovery document names it."""
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._clock_s = clock_s
        self._keys: list[Key] | None = None
        self._asked_s: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._is_away = False

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep the keys fresh in the background."""
        async with in_background(self._follow()):
            yield

    async def find(self, key_id: str | None) -> Key | None:
        """The key of this id; without one, the only key that there is.

        Raises:
            Unavailable: the keys could never be fetched.
        """
        found = self._find(key_id)
        if found is None and self._may_ask():
            await self._fetch_once()
            found = self._find(key_id)
        if self._keys is None:
            raise Unavailable("the keys of the tokens' issuer cannot be read at the moment")
        return found

    def _find(self, key_id: str | None) -> Key | None:
        keys = self._keys or []
        if key_id is None:
            return keys[0] if len(keys) == 1 else None
        return next((key for key in keys if key.kid == key_id), None)

    def _may_ask(self) -> bool:
        if self._fetching is not None or self._asked_s is None:
            return True
        return self._clock_s() - self._asked_s >= ASK_AGAIN_S

    async def _follow(self) -> None:
        while True:
            await self._fetch_once()
            await asyncio.sleep(ASK_AGAIN_S if self._is_away else _REFRESHED_S)

    async def _fetch_once(self) -> None:
        """Fetch, or wait for whoever does; who goes away takes it from nobody."""
        if self._fetching is None:
            self._asked_s = self._clock_s()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        await asyncio.shield(self._fetching)

    def _fetched(self, _fetching: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            keys = await asyncio.to_thread(_published, self._issuer, self._jwks_url)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if not self._is_away:
                _log.warning("keys not fetched", issuer=self._issuer, reason=str(error))
            self._is_away = True
            return
        if self._is_away:
            _log.info("keys fetched again", issuer=self._issuer)
        self._is_away = False
        self._keys = keys


def is_safe_url(url: str) -> bool:
    """Whether keys may be believed from there: nobody between can change them."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, reached by nobody else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _published(issuer: str, jwks_url: str | None) -> list[Key]:
    """Ask the issuer; runs in a thread.

    Raises:
        OSError: it does not answer.
        ValueError: it answers with something else.
    """
    if jwks_url is None:
        body = _get(issuer.rstrip("/") + _DISCOVERY)
        discovery = msgspec.json.decode(body, type=_Discovery)
        if discovery.issuer != issuer:
            raise ValueError(f"the discovery document is of another issuer, {discovery.issuer}")
        jwks_url = discovery.jwks_uri
    published = msgspec.json.decode(_get(jwks_url), type=_KeySet)
    usable = [key for jwk in published.keys if (key := _usable(jwk)) is not None]
    return KeySet(usable).keys


def _usable(jwk: dict[str, Any]) -> Key | None:
    """The key, unless it is for something else or of a kind that is not understood."""
    if jwk.get("use", "sig") != "sig" or jwk.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        return import_key(jwk)
    except (JoseError, ValueError, TypeError):
        return None


def _get(url: str) -> bytes:
    if not is_safe_url(url):
        raise ValueError(f"keys are fetched by https alone, not from {url}")
    with _opener.open(url, timeout=_ANSWER_S) as answer:
        body: bytes = answer.read(_ANSWER_BYTES_MAX + 1)
    if len(body) > _ANSWER_BYTES_MAX:
        raise ValueError(f"{url} answers with more than {_ANSWER_BYTES_MAX} bytes")
    return body
