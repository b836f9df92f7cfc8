"""Short-lived tokens that stand for an API key: signed here, and verified by every process.

Made by `POST /oauth2/token`. The key behind a token is still looked up: with the key, the token
ends.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, KeySetSerialization, import_key
from msgspec import Struct

from shared.clock import monotonic_s
from shared.errors import StorageError
from shared.storage.api_keys import Grant
from shared.storage.read_pool import ReadPool
from shared.storage.signing_keys import add_signing_key, find_signing_keys
from shared.web_edge.background import in_background
from shared.web_edge.bearer_tokens import TokenVerifier, Unverified
from shared.web_edge.identities import Identity
from shared.web_edge.key_ring import KeyRing
from shared.web_edge.refusals import Unauthorized

#: `iss` and `aud` of our tokens: they are for those who made them.
ISSUER: Final = "urn:callfold"
_ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"
#: RFC 9068.
_TYPE: Final = "at+jwt"
_LIFETIME_S: Final = 900
#: How old the known signing keys may be: another process may have made one, an operator may have
#: deleted one that leaked.
_KEYS_BELIEVED_S: Final = 60.0
_ASK_AGAIN_S: Final = 1.0


class AccessToken(Struct, frozen=True):
    """A token as it is handed out."""

    token: str
    lifetime_s: int
    scopes: list[str]


class AccessTokens:
    """Makes tokens of API keys and reads them back."""

    def __init__(
        self,
        pool: ReadPool,
        keys: KeyRing,
        now: Callable[[], datetime],
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self._pool = pool
        self._keys = keys
        self._now = now
        self._clock_s = clock_s
        self._verifier = TokenVerifier(
            ISSUER, ISSUER, ("sub", "scope"), now, algorithms=(_ALGORITHM,)
        )
        self._signing: Key | None = None
        #: All that verify, the newest last.
        self._known: list[Key] = []
        self._read_s: float | None = None
        self._reading = asyncio.Lock()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keep the known signing keys fresh in the background."""
        async with in_background(self._follow()):
            yield

    async def issue(self, grant: Grant, scopes: Collection[str]) -> AccessToken:
        """A token that allows these scopes for as long as the key is valid, at most 15 minutes.

        Raises:
            StorageError: the signing keys cannot be read now.
        """
        await self._read_keys(_KEYS_BELIEVED_S)
        assert self._signing is not None
        now = self._now()
        left_s = None if grant.expires_at is None else (grant.expires_at - now).total_seconds()
        lifetime_s = _LIFETIME_S if left_s is None else min(_LIFETIME_S, max(1, int(left_s)))
        issued_s = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": grant.key_id,
            "client_id": grant.key_id,
            "organization_id": grant.organization_id,
            "scope": " ".join(sorted(scopes)),
            "iat": issued_s,
            "exp": issued_s + lifetime_s,
            "jti": secrets.token_hex(16),
        }
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._signing.kid}
        token = jwt.encode(header, claims, self._signing, [_ALGORITHM])
        return AccessToken(token, lifetime_s, sorted(scopes))

    async def identity(self, token: bytes, said: Unverified) -> Identity:
        """Whose token it is.

        Raises:
            Unauthorized: it is not valid, or its key is not any more.
            StorageError: its key cannot be looked up now.
        """
        key = self._find(said.key_id)
        if key is None:
            await self._read_keys(_ASK_AGAIN_S)
            key = self._find(said.key_id)
        if key is None:
            raise Unauthorized("bearer token is signed by an unknown key")
        claims = self._verifier.claims(token, key)
        grant = await self._keys.grant_of_id(claims["sub"])
        if grant is None:
            raise Unauthorized("bearer token's API key is revoked or expired")
        return Identity(
            grant.organization_id,
            grant.scopes.intersection(claims["scope"].split()),
            grant.subject,
            datetime.fromtimestamp(claims["exp"], UTC),
        )

    async def public_keys(self) -> KeySetSerialization:
        """What verifies our tokens (RFC 7517), for whoever stands in front of us.

        Raises:
            StorageError: the signing keys cannot be read now.
        """
        await self._read_keys(_KEYS_BELIEVED_S)
        return KeySet(self._known).as_dict(private=False, use="sig", alg=_ALGORITHM)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_KEYS_BELIEVED_S)
            if self._known:
                with suppress(StorageError):  # what is known stays good until the database is back
                    await self._read_keys(0)

    def _find(self, key_id: str | None) -> Key | None:
        return next((key for key in self._known if key.kid == key_id), None)

    async def _read_keys(self, believed_s: float) -> None:
        """Read the keys, unless they were just read; make one where this period has none."""
        async with self._reading:
            if self._read_s is not None and self._clock_s() - self._read_s < believed_s:
                return
            kept = await find_signing_keys(self._pool)
            while not any(key.is_current for key in kept):
                made = ECKey.generate_key(_CURVE, auto_kid=True)
                await add_signing_key(self._pool, made.as_dict(private=True))
                kept = await find_signing_keys(self._pool)
            known = {key.kid: key for key in self._known}
            # Known ones stay the same objects: what they verified need not be verified again.
            found = [(key, import_key(key.private_jwk)) for key in kept]
            self._known = [known.get(key.kid, key) for _, key in found]
            self._signing = next(key for kept_key, key in found if kept_key.is_current)
            self._read_s = self._clock_s()
