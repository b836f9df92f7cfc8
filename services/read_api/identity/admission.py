"""What every request with credentials passes first: whose it is, is it too often, may it do this.

Nothing is looked up for a request before it has passed.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from litestar import Request

from shared.settings import Settings
from shared.storage.read_pool import ReadPool
from shared.web_edge.authentication import Authentication, build_authentication
from shared.web_edge.identities import Identity
from shared.web_edge.rate_limits import RateLimits


class Admission:
    """Lets requests in.

    Attributes:
        authentication: Tells whose a request is.
        limits: Counts the requests of each.
    """

    def __init__(self, authentication: Authentication, limits: RateLimits) -> None:
        self.authentication = authentication
        self.limits = limits

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Do in the background what the two need."""
        async with self.authentication.following(), self.limits.sharing():
            yield

    async def identity(self, request: Request[Any, Any, Any], scope: str) -> Identity:
        """Whose request it is, where it may do what the scope names.

        Raises:
            Refusal: it may not.
            StorageError: its key cannot be looked up now.
        """
        identity = await self.authentication.identity(request.scope["headers"])
        self.limits.count(request.scope, identity.subject)
        identity.require(scope)
        return identity

    async def recheck(self, request: Request[Any, Any, Any], scope: str) -> None:
        """Whether a request that was let in would be still; it is not counted again.

        Raises:
            Refusal: it would not.
            StorageError: its key cannot be looked up now.
        """
        (await self.authentication.identity(request.scope["headers"])).require(scope)


def build_admission(settings: Settings, pool: ReadPool, now: Callable[[], datetime]) -> Admission:
    """Admission as the settings say; keys are looked up through the pool.

    Raises:
        SettingsError: the settings are incomplete, or unsafe.
    """
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return Admission(
        build_authentication(settings, settings.read_api_host, pool, now=now),
        RateLimits(settings.rate_limit_per_minute, redis_url, now),
    )
