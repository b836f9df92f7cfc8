"""Every report needs a key; probes need none."""

import time
from datetime import timedelta

import msgspec
import pytest

from shared.clock import utc_now
from shared.storage.api_keys import create_api_key, list_api_keys, revoke_api_key
from shared.web_edge.key_ring import BELIEVED_S
from tests.http_answers import ask
from tests.integration.services.read_api.given import ORGANIZATION, Generation
from tests.integration.services.read_api.process import ReadApi

_TARGET = "/program-execution/spring/report"


@pytest.fixture(scope="module", autouse=True)
def spring(generation: Generation) -> None:
    """The execution `spring` exists."""
    generation.mention()


def test_key_is_taken_from_either_header(read_api: ReadApi, key: str) -> None:
    """`x-api-key`, or a bearer token whose scheme is written as one likes."""
    assert 200 == read_api.get(_TARGET, key).status
    assert 200 == read_api.get(_TARGET, Authorization=f"Bearer {key}").status
    assert 200 == read_api.get(_TARGET, authorization=f"bearer  {key} ").status


@pytest.mark.parametrize(
    "headers",
    (
        {},
        {"x-api-key": ""},
        {"x-api-key": "cf_0000000000000000_nonsense"},
        {"x-api-key": "nonsense"},
        {"authorization": "Basic Zm9vOmJhcg=="},
        {"authorization": "Bearer"},
        {"x-api-key": "cf_é_é"},
    ),
)
def test_without_a_valid_key_nothing_is_told(read_api: ReadApi, headers: dict[str, str]) -> None:
    """401 in the vendor's shape, the same for executions that exist and that do not."""
    for target in (_TARGET, "/program-execution/unknown/report/calls?page=0"):
        answer = read_api.get(target, **headers)
        assert (401, "Unauthorized") == (answer.status, answer.json["error"])
        assert "Bearer" == answer.headers["www-authenticate"]


def test_right_id_with_wrong_secret_is_unauthorized(read_api: ReadApi, key: str) -> None:
    """The id of a key is no secret."""
    assert 401 == read_api.get(_TARGET, key[:-1] + ("A" if key[-1] != "A" else "B")).status
    assert 401 == read_api.get(_TARGET, key + "A").status


def test_key_without_the_scope_is_forbidden(read_api: ReadApi, read_url: str) -> None:
    """A publisher's key reads nothing."""
    publisher_key = create_api_key(read_url, ORGANIZATION, ["publish", "operate"], "dialer")
    answer = read_api.get(_TARGET, publisher_key)
    assert (403, "Forbidden") == (answer.status, answer.json["error"])
    assert "read" in answer.json["message"]


def test_revoked_key_stops_within_seconds(read_api: ReadApi, read_url: str) -> None:
    """A key that was just used is believed for a moment, not longer; nor is a token of it."""
    revoked_key = create_api_key(read_url, ORGANIZATION, ["read"], "leaver")
    assert 200 == read_api.get(_TARGET, revoked_key).status
    token = _token(read_api, revoked_key)
    assert 200 == read_api.get(_TARGET, authorization=f"Bearer {token}").status
    assert revoke_api_key(read_url, revoked_key.split("_")[1])
    deadline_s = time.monotonic() + BELIEVED_S + 1
    # Each is believed from its own look-up on.
    for headers in ({"x_api_key": revoked_key}, {"authorization": f"Bearer {token}"}):
        while read_api.get(_TARGET, **headers).status == 200:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        assert 401 == read_api.get(_TARGET, **headers).status


def test_expired_key_stops_at_once(read_api: ReadApi, read_url: str) -> None:
    """Expiry is checked at each request, believed or not."""
    expires_at = utc_now() + timedelta(seconds=0.5)
    short_key = create_api_key(read_url, ORGANIZATION, ["read"], "guest", expires_at)
    assert 200 == read_api.get(_TARGET, short_key).status
    time.sleep(0.6)
    assert 401 == read_api.get(_TARGET, short_key).status


def test_use_of_a_key_is_noted(read_api: ReadApi, read_url: str) -> None:
    """Once a minute is enough to find keys that nobody uses."""
    used_key = create_api_key(read_url, "noted", ["read"], "noted")
    read_api.get(_TARGET, used_key)
    (found,) = list_api_keys(read_url, "noted")
    assert found.last_used_at is not None
    assert abs(utc_now() - found.last_used_at) < timedelta(seconds=30)


@pytest.mark.parametrize("target", ("/livez", "/readyz", "/metrics"))
def test_probes_need_no_key(read_api: ReadApi, target: str) -> None:
    """Orchestrators have none."""
    assert 200 == read_api.get(target).status


def _token(read_api: ReadApi, key: str) -> str:
    """An access token of a key."""
    fields = {"grant_type": "client_credentials", "client_id": key.split("_")[1]}
    body = msgspec.json.encode({**fields, "client_secret": key})
    headers = {"content-type": "application/json"}
    answer = ask(read_api.port, "POST", "/oauth2/token", headers, body)
    token: str = answer.json["access_token"]
    return token
