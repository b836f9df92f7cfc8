"""Looks API keys up in the database, and remembers for a while what it found."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Final

from shared.clock import monotonic_s, utc_now
from shared.errors import StorageError
from shared.storage.api_keys import Grant, find_grant, find_grant_of_id
from shared.storage.read_pool import ReadPool

#: How long a looked-up key is believed; a revoked one stops within this time.
BELIEVED_S: Final = 3.0
#: A database that is away is asked again after this time, by one request; the others go on.
_ASK_AGAIN_S: Final = 5.0
_BELIEVED_KEYS_MAX: Final = 10_000

_LookUp = Callable[[], Coroutine[object, object, Grant | None]]


class KeyRing:
    """Grants of API keys."""

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
        #: When it was looked up, and what it allows: by digest, so that no key stays in memory, or
        #: by id, which is a text and so never the digest of anything.
        self._believed: dict[bytes | str, tuple[float, Grant]] = {}
        self._lookups: dict[bytes | str, asyncio.Task[Grant | None]] = {}
        #: When to ask a database again that did not answer; 0 while it answers.
        self._ask_again_at_s = 0.0
        self._reached = False

    async def grant(self, key: bytes) -> Grant | None:
        """What a key allows; None where it is unknown, revoked or expired.

        Raises:
            StorageError: the key cannot be looked up now.
        """
        digest = hashlib.sha256(key).digest()
        return await self._grant(digest, lambda: find_grant(self._pool, key.decode("latin-1")))

    async def grant_of_id(self, key_id: str) -> Grant | None:
        """The same of a key that was proved before, when a token was made of it."""
        return await self._grant(key_id, lambda: find_grant_of_id(self._pool, key_id))

    async def check(self) -> None:
        """Return if keys could ever be looked up; raise StorageError otherwise."""
        if not self._reached:
            # It is no key, but whoever looks for it finds out whether the table is there.
            await find_grant(self._pool, "cf_0_0")
            self._reached = True

    async def _grant(self, name: bytes | str, look_up: _LookUp) -> Grant | None:
        grant = await self._believed_or_found(name, look_up)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= self._now()):
            return None
        return grant

    async def _believed_or_found(self, name: bytes | str, look_up: _LookUp) -> Grant | None:
        now_s = self._clock_s()
        found_s, known = self._believed.get(name, (0.0, None))
        if known is not None and now_s - found_s < BELIEVED_S:
            return known
        believable = known is not None and now_s - found_s < self._while_away_s
        if believable and self._ask_again_at_s:
            if now_s < self._ask_again_at_s:
                return known
            self._ask_again_at_s = now_s + _ASK_AGAIN_S
        try:
            # Many requests with one key ask once; whoever goes away must not take it from the rest.
            grant = await asyncio.shield(self._lookup(name, look_up, now_s))
        except StorageError:
            self._ask_again_at_s = self._clock_s() + _ASK_AGAIN_S
            if believable:
                return known
            raise
        self._ask_again_at_s = 0.0
        return grant

    def _lookup(
        self, name: bytes | str, look_up: _LookUp, now_s: float
    ) -> asyncio.Task[Grant | None]:
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(name, look_up, now_s))
            self._lookups[name] = lookup
            lookup.add_done_callback(lambda _lookup: self._lookups.pop(name))
        return lookup

    async def _look_up(self, name: bytes | str, look_up: _LookUp, now_s: float) -> Grant | None:
        """What the database says of a key, believed from `now_s` on."""
        grant = await look_up()
        self._reached = True
        if grant is None:
            self._believed.pop(name, None)
            return None
        if len(self._believed) >= _BELIEVED_KEYS_MAX:
            self._believed.clear()
        self._believed[name] = (now_s, grant)
        return grant
