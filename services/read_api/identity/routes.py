"""All routes about who asks."""

from litestar import Router

from services.read_api.identity.admission import Admission
from services.read_api.identity.tokens import token_routes
from services.read_api.identity.whoami import whoami_routes


def identity_routes(admission: Admission) -> list[Router]:
    """`/v1/whoami`, `/oauth2/token` and `/.well-known/jwks.json`."""
    return [whoami_routes(admission), token_routes(admission)]
