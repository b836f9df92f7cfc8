"""How often, from which pages, and without a key: what else decides over a request."""

from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from services.read_api.app import build
from shared.errors import SettingsError
from shared.settings import Settings
from shared.storage.api_keys import create_api_key
from shared.web_edge.rate_limits import RATE_LIMIT_HEADERS
from tests.http_answers import Answer, ask
from tests.integration.services.read_api.identity.asking import ORIGIN, REPORT, WHOAMI
from tests.integration.services.read_api.process import ReadApi

_NO_DATABASE = SecretStr("postgresql://nobody@127.0.0.1/none")
_POLICY = '"default";q=100;w=60'


def _left(answer: Answer) -> int:
    assert _POLICY == answer.headers["ratelimit-policy"]
    return int(answer.headers["ratelimit"].removeprefix('"default";r=').partition(";t=")[0])


def _seconds(answer: Answer) -> int:
    return int(answer.headers["ratelimit"].partition(";t=")[2])


def test_every_answer_says_what_is_left(api: ReadApi, identity_url: str) -> None:
    """Errors too; without credentials there is nothing to say."""
    keys = (create_api_key(identity_url, "acme", ["read"], "tests") for _ in range(20))
    # Each key's minute begins at another second: one is wanted that does not end in the middle.
    key = next(key for key in keys if _seconds(api.get(WHOAMI, key)) > 10)
    targets = (WHOAMI, REPORT, REPORT + "/calls?page=")
    assert [98, 97, 96] == [_left(api.get(target, key)) for target in targets]
    for answer in (api.get(WHOAMI), api.get(WHOAMI, "cf_00_x"), api.get("/livez")):
        assert not {name.lower() for name in RATE_LIMIT_HEADERS} & set(answer.headers)


def test_too_many_requests_are_refused_in_the_interfaces_shape(api: ReadApi, read_key: str) -> None:
    """429 with the seconds to wait; other keys go on."""
    refused = next(a for _ in range(300) if (a := api.get(REPORT, read_key)).status != 404)
    assert (429, 429, "Too Many Requests") == (
        refused.status,
        refused.json["statusCode"],
        refused.json["error"],
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert 0 == _left(refused)


def test_pages_of_named_origins_may_ask(api: ReadApi, read_key: str) -> None:
    """Any route, errors too; what a program needs to see of an answer is exposed."""
    for target, key, status in (
        (WHOAMI, read_key, 200),
        (REPORT, read_key, 404),
        (REPORT, "x", 401),
    ):
        answer = api.get(target, key, origin=ORIGIN)
        assert (status, ORIGIN) == (answer.status, answer.headers["access-control-allow-origin"])
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        exposed = {
            name.strip().lower()
            for name in answer.headers["access-control-expose-headers"].split(",")
        }
        assert {
            "etag",
            "link",
            "x-callfold-as-of",
            "x-callfold-incidents",
            "ratelimit",
            "ratelimit-policy",
            "content-disposition",
        } <= exposed
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null"):
        answer = api.get(WHOAMI, read_key, origin=origin)
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("target", (WHOAMI, REPORT, "/oauth2/token", "/unknown"))
def test_preflight_needs_no_key(api: ReadApi, target: str) -> None:
    """A browser asks before it sends one; other origins are told no."""
    wanted = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization, x-api-key, if-none-match",
    }
    allowed = ask(api.port, "OPTIONS", target, wanted)
    assert (204, ORIGIN) == (allowed.status, allowed.headers["access-control-allow-origin"])
    assert "GET" in allowed.headers["access-control-allow-methods"]
    assert "x-api-key" in allowed.headers["access-control-allow-headers"].lower()
    refused = ask(api.port, "OPTIONS", target, wanted | {"origin": "https://evil.example"})
    assert 400 == refused.status


async def test_without_a_key_this_machine_is_served_where_that_is_asked_for() -> None:
    """CALLFOLD_AUTH=off: a header says whose; what is sent as credentials still counts."""
    app: Any = build(Settings(database_url=_NO_DATABASE, auth="off"))
    acme = {"x-callfold-organization": "acme"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get(WHOAMI, headers=acme)
        assert 200 == answer.status_code
        who = answer.json()
        assert ("acme", "loopback") == (who["organizationId"], who["subject"])
        assert "access-control-allow-origin" not in answer.headers
        unsaid = await client.get(REPORT)
        assert (400, "Bad Request") == (unsaid.status_code, unsaid.json()["error"])
        assert "x-callfold-organization" in unsaid.json()["message"]
        for more in ({"authorization": "Bearer a.b.c"}, {"host": "evil.example:8080"}):
            assert 401 == (await client.get(REPORT, headers=acme | more)).status_code


@pytest.mark.parametrize(
    ("wrong", "says"),
    (
        ({"auth": "off", "read_api_host": "0.0.0.0"}, "CALLFOLD_AUTH"),  # noqa: S104
        ({"auth": "off", "read_api_host": "reports.example"}, "CALLFOLD_AUTH"),
        ({"jwt_issuer": "https://i.example"}, "CALLFOLD_JWT_AUDIENCE"),
        ({"jwt_audience": "callfold"}, "CALLFOLD_JWT_ISSUER"),
        ({"jwt_issuer": "http://i.example", "jwt_audience": "a"}, "https"),
        (
            {"jwt_issuer": "i", "jwt_audience": "a", "jwt_jwks_url": "http://i.example/k"},
            "CALLFOLD_JWT_JWKS_URL",
        ),
        ({"cors_origins": "dashboard.example"}, "CALLFOLD_CORS_ORIGINS"),
        ({"cors_origins": "https://*.example"}, "CALLFOLD_CORS_ORIGINS"),
        ({"cors_origins": "https://a.example/"}, "CALLFOLD_CORS_ORIGINS"),
    ),
)
def test_unsafe_settings_are_refused_at_the_start(wrong: dict[str, Any], says: str) -> None:
    """With what to do; nothing is served meanwhile."""
    with pytest.raises(SettingsError, match=says):
        build(Settings(database_url=_NO_DATABASE, **wrong))
