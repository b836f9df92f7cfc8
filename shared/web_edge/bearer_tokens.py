"""JSON Web Tokens: what one says of itself before it is believed, and what makes it believed.

Used for tokens of our own (`access_tokens`) and of a configured issuer (`trusted_issuer`). No I/O.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key
from joserfc.jwt import ClaimsOption
from msgspec import Struct

from shared.web_edge.refusals import Unauthorized

#: What an issuer may sign with: key pairs only, so that a public key is never a shared secret.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)
#: What may be said to be an access token: many issuers do not say it (RFC 9068, RFC 8725).
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_TOKEN_BYTES_MAX: Final = 8_192
_TOKEN_PARTS: Final = 3
_REMEMBERED_MAX: Final = 10_000


class _Header(Struct):
    alg: str
    kid: str | None = None
    typ: str = "JWT"


class _Payload(Struct):
    iss: str


class Unverified(Struct, frozen=True):
    """What a token says of itself; good for finding its key, and for nothing else."""

    issuer: str
    algorithm: str
    key_id: str | None


class _Remembered(Struct, frozen=True):
    """A token that was verified once."""

    key: Key
    expires_s: float
    claims: Mapping[str, Any]


def read_unverified(token: bytes) -> Unverified:
    """Read whose token it is said to be.

    Raises:
        Unauthorized: it is no token.
    """
    parts = token.split(b".") if len(token) <= _TOKEN_BYTES_MAX else []
    if len(parts) != _TOKEN_PARTS:
        raise Unauthorized("bearer token is neither an API key nor a JWT")
    try:
        header = msgspec.json.decode(_decoded(parts[0]), type=_Header)
        payload = msgspec.json.decode(_decoded(parts[1]), type=_Payload)
    except (ValueError, RecursionError):  # msgspec's and base64's errors are ValueErrors
        raise Unauthorized("bearer token cannot be read as a JWT with an issuer") from None
    if header.typ.lower() not in _TYPES:
        raise Unauthorized("bearer token is a JWT, but no access token")
    return Unverified(payload.iss, header.alg, header.kid)


class TokenVerifier:
    """Verifies the tokens of one issuer, and remembers those that it verified."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        essential: Collection[str],
        now: Callable[[], datetime],
        *,
        algorithms: Collection[str] = ALGORITHMS,
        leeway_s: int = 0,
    ) -> None:
        """A clock that is off by `leeway_s` is forgiven; claims in `essential` must be there."""
        self._algorithms = algorithms
        self._leeway_s = leeway_s
        self._now = now
        required: ClaimsOption = {"essential": True}
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(now().timestamp()),
            leeway=leeway_s,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp=required,
            **dict.fromkeys(essential, required),
        )
        #: By digest, so that no token stays in memory.
        self._remembered: dict[bytes, _Remembered] = {}

    def claims(self, token: bytes, key: Key) -> Mapping[str, Any]:
        """The claims of a token, which is valid now and signed by the key.

        Raises:
            Unauthorized: it is not; the message says why.
        """
        digest = hashlib.sha256(token).digest()
        known = self._remembered.get(digest)
        # A key that its issuer took back is never asked for, and a new set has new keys.
        if known is not None and known.key is key:
            if self._now().timestamp() < known.expires_s:
                return known.claims
            del self._remembered[digest]
        claims = self._verified(token, key)
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[digest] = _Remembered(key, claims["exp"] + self._leeway_s, claims)
        return claims

    def _verified(self, token: bytes, key: Key) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, key, self._algorithms).claims
            self._registry.validate(claims)
        except ExpiredTokenError:
            raise Unauthorized("bearer token has expired") from None
        except ClaimError as error:
            raise Unauthorized(f"bearer token's claim {error.claim} is wrong") from None
        except BadSignatureError:
            raise Unauthorized("bearer token's signature is wrong") from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Unauthorized("bearer token is of a kind that is not accepted") from None
        return claims


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
