"""What wraps the whole application: paths as they were sent."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def routed_by_raw_path(app: ASGIApp) -> ASGIApp:
    """Route on the path as sent.

    Servers decode `path`, so that the id `a/b`, sent as `a%2Fb`, would be two segments. Routes
    match the raw path instead; whoever takes an id out of it decodes it, once.
    """

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["path"] = scope["raw_path"].decode("latin-1")
        await app(scope, receive, send)

    return routed
