"""Questions about who one is, with a bearer token."""

from tests.http_answers import Answer, ask
from tests.integration.services.read_api.process import ReadApi

#: Of pages that may ask.
ORIGIN = "https://dashboard.example"
WHOAMI = "/v1/whoami"
REPORT = "/program-execution/unknown/report"


def with_token(api: ReadApi, token: str, target: str = WHOAMI) -> Answer:
    """Ask for a target with a bearer token."""
    return ask(api.port, "GET", target, {"authorization": f"Bearer {token}"})
