"""Tokens of the issuer that the settings name: whose they are, and what they allow.

Used by `authentication`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final

from shared.contracts.ids import is_id
from shared.errors import SettingsError
from shared.settings import Settings
from shared.storage.api_keys import SCOPES
from shared.web_edge.bearer_tokens import TokenVerifier, Unverified
from shared.web_edge.identities import Identity
from shared.web_edge.published_keys import PublishedKeys, is_safe_url
from shared.web_edge.refusals import Unauthorized

#: Clocks of two organizations differ.
_LEEWAY_S: Final = 30
#: `datetime` ends with the year 9999.
_INSTANT_MAX_S: Final = 253_402_300_799


class TrustedIssuer:
    """Reads the tokens of one issuer."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        organization_claim: str,
        keys: PublishedKeys,
        now: Callable[[], datetime],
    ) -> None:
        """`organization_claim` holds the organization's id."""
        self.issuer = issuer
        self._organization_claim = organization_claim
        self._keys = keys
        self._verifier = TokenVerifier(issuer, audience, ("sub",), now, leeway_s=_LEEWAY_S)

    def following(self) -> AbstractAsyncContextManager[None]:
        """Keep the issuer's keys fresh."""
        return self._keys.following()

    async def identity(self, token: bytes, said: Unverified) -> Identity:
        """Whose token it is.

        Raises:
            Unauthorized: it is not valid.
            Unavailable: the issuer's keys could never be read.
        """
        key = await self._keys.find(said.key_id)
        if key is None:
            raise Unauthorized("bearer token is signed by an unknown key")
        claims = self._verifier.claims(token, key)
        organization_id = claims.get(self._organization_claim)
        if not isinstance(organization_id, str) or not is_id(organization_id):
            raise Unauthorized(
                f"bearer token's claim {self._organization_claim} is no organization"
            )
        return Identity(
            organization_id,
            _scopes(claims),
            f"sub:{claims['sub']}",
            datetime.fromtimestamp(min(claims["exp"], _INSTANT_MAX_S), UTC),
        )


def trusted_issuer(settings: Settings, now: Callable[[], datetime]) -> TrustedIssuer | None:
    """The issuer of the settings; None where there is none.

    Raises:
        SettingsError: the settings are incomplete, or unsafe.
    """
    issuer, audience, jwks_url = settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url
    if issuer is None:
        if audience or jwks_url:
            raise SettingsError("set CALLFOLD_JWT_ISSUER as well, or nothing of CALLFOLD_JWT_…")
        return None
    if audience is None:
        raise SettingsError(
            "CALLFOLD_JWT_AUDIENCE is not set: say what `aud` tokens for Callfold carry, "
            "or those for any other service of the issuer would open it"
        )
    if not is_safe_url(jwks_url or issuer):
        name = "CALLFOLD_JWT_JWKS_URL" if jwks_url else "CALLFOLD_JWT_ISSUER"
        raise SettingsError(f"{name} must be an https:// URL; http:// is for loopback alone")
    keys = PublishedKeys(issuer, jwks_url)
    return TrustedIssuer(issuer, audience, settings.jwt_organization_claim, keys, now)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """`scope`, or what some issuers call `scp`: names with spaces between them, or a list."""
    said = claims.get("scope", claims.get("scp", ()))
    names = said.split() if isinstance(said, str) else said
    return frozenset(SCOPES).intersection(names if isinstance(names, list) else ())
