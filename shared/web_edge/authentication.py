"""Who asks: the API key of a request, and the organization that it opens."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime

from shared.clock import monotonic_s, utc_now
from shared.errors import StorageError
from shared.storage.api_keys import Grant, find_grant
from shared.storage.read_pool import ReadPool
from shared.web_edge.refusals import Forbidden, Unauthorized

#: How long a looked-up key is believed; a revoked one stops within this time.
BELIEVED_S = 3.0
#: A database that is away is asked again after this time, by one request; the others go on.
_ASK_AGAIN_S = 5.0
_BELIEVED_KEYS_MAX = 10_000
_BEARER = b"bearer "


class KeyRing:
    """Looks API keys up, and remembers for a while what it found."""

    def __init__(
        self,
        pool: ReadPool,
        *,
        while_away_s: float = 0,
        now: Callable[[], datetime] = utc_now,
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        """While the database is away a key is believed for `while_away_s` after its look-up."""
        self._pool = pool
        self._while_away_s = while_away_s
        self._now = now
        self._clock_s = clock_s
        #: By digest, so that no key stays in memory: when it was looked up, and what it allows.
        self._believed: dict[bytes, tuple[float, Grant]] = {}
        self._lookups: dict[bytes, asyncio.Task[Grant | None]] = {}
        #: When to ask a database again that did not answer; 0 while it answers.
        self._ask_again_at_s = 0.0
        self._reached = False

    async def organization(self, headers: Iterable[tuple[bytes, bytes]], scope: str) -> str:
        """The organization whose key the headers carry.

        Raises:
            Unauthorized: there is no key, or it is not valid (any more).
            Forbidden: the key lacks `scope`.
            StorageError: the key cannot be looked up now.
        """
        key = _key(headers)
        if key is None:
            raise Unauthorized("API key is missing: send it as x-api-key or as a bearer token")
        grant = await self._grant(key)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= self._now()):
            raise Unauthorized("API key is unknown, revoked or expired")
        if scope not in grant.scopes:
            raise Forbidden(f"API key lacks the scope {scope}")
        return grant.organization_id

    async def check(self) -> None:
        """Return if keys could ever be looked up; raise StorageError otherwise."""
        if not self._reached:
            # It is no key, but whoever looks for it finds out whether the table is there.
            await find_grant(self._pool, "cf_0_0")
            self._reached = True

    async def _grant(self, key: bytes) -> Grant | None:
        digest, now_s = hashlib.sha256(key).digest(), self._clock_s()
        found_s, known = self._believed.get(digest, (0.0, None))
        if known is not None and now_s - found_s < BELIEVED_S:
            return known
        believable = known is not None and now_s - found_s < self._while_away_s
        if believable and self._ask_again_at_s:
            if now_s < self._ask_again_at_s:
                return known
            self._ask_again_at_s = now_s + _ASK_AGAIN_S
        try:
            # Many requests with one key ask once; whoever goes away must not take it from the rest.
            grant = await asyncio.shield(self._lookup(digest, key, now_s))
        except StorageError:
            self._ask_again_at_s = self._clock_s() + _ASK_AGAIN_S
            if believable:
                return known
            raise
        self._ask_again_at_s = 0.0
        return grant

    def _lookup(self, digest: bytes, key: bytes, now_s: float) -> asyncio.Task[Grant | None]:
        lookup = self._lookups.get(digest)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(digest, key.decode("latin-1"), now_s))
            self._lookups[digest] = lookup
            lookup.add_done_callback(lambda _lookup: self._lookups.pop(digest))
        return lookup

    async def _look_up(self, digest: bytes, key: str, now_s: float) -> Grant | None:
        """What the database says of a key, believed from `now_s` on."""
        grant = await find_grant(self._pool, key)
        self._reached = True
        if grant is None:
            self._believed.pop(digest, None)
            return None
        if len(self._believed) >= _BELIEVED_KEYS_MAX:
            self._believed.clear()
        self._believed[digest] = (now_s, grant)
        return grant


def _key(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """`x-api-key`, else the bearer token."""
    bearer = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            bearer = value[len(_BEARER) :].strip()
    return bearer
