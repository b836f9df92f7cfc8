"""Who asks: the API key of a request, and the organization that it opens."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime

from services.read_api.refusals import Forbidden, Unauthorized
from shared.clock import monotonic_s, utc_now
from shared.storage.api_keys import Grant, find_grant
from shared.storage.read_pool import ReadPool

#: How long a looked-up key is believed; a revoked one stops within this time.
BELIEVED_S = 3.0
_BELIEVED_KEYS_MAX = 10_000
_BEARER = b"bearer "


class KeyRing:
    """Looks API keys up, and remembers for seconds what it found."""

    def __init__(
        self,
        pool: ReadPool,
        *,
        now: Callable[[], datetime] = utc_now,
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self._pool = pool
        self._now = now
        self._clock_s = clock_s
        #: By digest, so that no key stays in memory: when it was looked up, and what it allows.
        self._believed: dict[bytes, tuple[float, Grant]] = {}
        self._lookups: dict[bytes, asyncio.Task[Grant | None]] = {}

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

    async def _grant(self, key: bytes) -> Grant | None:
        digest = hashlib.sha256(key).digest()
        now_s = self._clock_s()
        found = self._believed.get(digest)
        if found is not None and now_s - found[0] < BELIEVED_S:
            return found[1]
        lookup = self._lookups.get(digest)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(digest, key.decode("latin-1"), now_s))
            self._lookups[digest] = lookup
            lookup.add_done_callback(lambda _lookup: self._lookups.pop(digest))
        # Many requests with one key ask once; whoever goes away must not take it from the others.
        return await asyncio.shield(lookup)

    async def _look_up(self, digest: bytes, key: str, now_s: float) -> Grant | None:
        """What the database says of a key, believed from `now_s` on."""
        grant = await find_grant(self._pool, key)
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
