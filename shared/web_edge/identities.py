"""Who asks, however it was proved: by an API key, by a token, or by standing on this machine."""

from datetime import datetime

from msgspec import Struct

from shared.web_edge.refusals import Forbidden


class Identity(Struct, frozen=True, gc=False):
    """Whose request it is, and what it may do."""

    organization_id: str
    scopes: frozenset[str]
    #: What requests are counted by: `key:` and a key's id, or `sub:` and a token's subject.
    subject: str
    #: When the key or token ends; None where it does not.
    expires_at: datetime | None

    def require(self, scope: str) -> None:
        """Return if the scope is held; raise Forbidden otherwise."""
        if scope not in self.scopes:
            raise Forbidden(f"the scope {scope} is needed, which this key or token lacks")
